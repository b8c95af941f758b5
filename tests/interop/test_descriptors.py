# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Compare our .proto files with the protobuf descriptors of the installed flwr package.

The environment variable FLWRCPP_DESCRIPTOR_SET names the FileDescriptorSet that the build writes
(flwr_proto.desc in the build directory of flwr_proto).
"""

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from support import descriptors
from support.descriptors import differences, facts

# Files whose messages, enums and services we must have without exception.
FILES = [
    f"flwr/proto/{name}.proto"
    for name in (
        "control error fab federation federation_config fleet grpcadapter heartbeat log message "
        "node recorddict run runseries runtime task transport"
    ).split()
]


@pytest.fixture(scope="module")
def theirs():
    return descriptors.installed()


@pytest.fixture(scope="module")
def ours():
    return descriptors.ours()


@pytest.mark.parametrize("name", FILES)
def test_file_is_equal(name, ours, theirs):
    assert name in theirs, f"flwr has no {name}"
    assert name in ours, f"{name} is missing in our descriptor set"
    found = differences(facts(ours[name]), facts(theirs[name]))
    assert not found, "\n" + "\n".join(found)


def test_files_are_the_listed_ones(ours):
    """No file escapes the comparison."""
    assert sorted(ours) == sorted(FILES)


def test_flwr_has_no_other_file(theirs):
    """A file that a new Flower release adds needs a decision."""
    assert sorted(theirs) == sorted(FILES)


@pytest.mark.parametrize(
    ("message", "field", "change", "expected"),
    [
        ("Metadata", "ttl", {"number": 99}, "number is 99, in flwr 7"),
        ("Metadata", "ttl", {"type": FieldDescriptorProto.TYPE_FLOAT}, "type is 'TYPE_FLOAT'"),
        ("Metadata", "src_task_id", {"proto3_optional": False}, "optional keyword is False"),
        ("ObjectTree", "children", {"label": FieldDescriptorProto.LABEL_OPTIONAL}, "label is"),
        ("Message", "content", {"type_name": ".flwr.proto.Error"}, "type name is"),
        ("Message", "content", {"name": "contents"}, "missing in ours"),
    ],
)
def test_comparison_notices(message, field, change, expected, theirs):
    """The comparison can fail, and then names message and field."""
    original = theirs["flwr/proto/message.proto"]
    broken = FileDescriptorProto()
    broken.CopyFrom(original)
    target = next(
        f for m in broken.message_type if m.name == message for f in m.field if f.name == field
    )
    for key, value in change.items():
        setattr(target, key, value)
    found = differences(facts(broken), facts(original))
    wanted = f"message flwr.proto.{message}, field {field}: {expected}"
    assert any(line.startswith(wanted) for line in found), found
