# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""The federation of CNNs on Fashion-MNIST, written with stock Flower: the peer of the C++ programs."""
