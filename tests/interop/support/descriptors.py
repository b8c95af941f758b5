# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Protobuf descriptors: those of our .proto files, those of an installed flwr package, and how they differ.

As a program it writes the descriptors of the flwr package next to it into a file:

    bin/python tests/interop/support/descriptors.py FILE
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet

Facts = dict[str, Any]
Files = dict[str, FileDescriptorProto]


def installed() -> Files:
    """Those of the flwr package that this python has."""
    import flwr.proto

    files = {}
    for module in pkgutil.iter_modules(flwr.proto.__path__):
        if module.name.endswith("_pb2"):
            proto = FileDescriptorProto()
            importlib.import_module(f"flwr.proto.{module.name}").DESCRIPTOR.CopyToProto(proto)
            files[proto.name] = proto
    return files


def load(path: Path) -> Files:
    """Those of a file that protoc or this program has written."""
    return {file.name: file for file in FileDescriptorSet.FromString(path.read_bytes()).file}


def ours() -> Files:
    """Those of the build, which $FLWRCPP_DESCRIPTOR_SET names."""
    path = os.environ.get("FLWRCPP_DESCRIPTOR_SET")
    if not path:
        raise RuntimeError("FLWRCPP_DESCRIPTOR_SET is not set")
    return load(Path(path))


def field_facts(field: FieldDescriptorProto, message: DescriptorProto) -> Facts:
    # proto3 `optional` is a oneof with one member; its name is made up by the compiler.
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    is_message = field.type == FieldDescriptorProto.TYPE_MESSAGE
    singular = field.label == FieldDescriptorProto.LABEL_OPTIONAL
    return {
        "number": field.number,
        "type": FieldDescriptorProto.Type.Name(field.type),
        "type name": field.type_name,
        "label": FieldDescriptorProto.Label.Name(field.label),
        "optional keyword": field.proto3_optional,
        "presence": singular and (is_message or field.HasField("oneof_index")),
        "oneof": message.oneof_decl[field.oneof_index].name if in_oneof else None,
        "packed": field.options.packed if field.options.HasField("packed") else None,
    }


def facts(file: FileDescriptorProto) -> dict[str, Facts]:
    """What a peer can notice of a file, as {name of a message, field, ...: properties}."""
    found: dict[str, Facts] = {file.name: {"package": file.package, "syntax": file.syntax}}

    def add_enum(scope, enum):
        name = f"enum {scope}.{enum.name}"
        found[name] = {}
        for value in enum.value:
            found[f"{name}, value {value.name}"] = {"number": value.number}

    def add_message(scope, message):
        full_name = f"{scope}.{message.name}"
        name = f"message {full_name}"
        found[name] = {"map entry": message.options.map_entry}
        for field in message.field:
            found[f"{name}, field {field.name}"] = field_facts(field, message)
        for nested in message.nested_type:
            add_message(full_name, nested)
        for enum in message.enum_type:
            add_enum(full_name, enum)

    for message in file.message_type:
        add_message(file.package, message)
    for enum in file.enum_type:
        add_enum(file.package, enum)
    for service in file.service:
        name = f"{file.package}.{service.name}"
        found[f"service {name}"] = {}
        for rpc in service.method:
            found[f"rpc /{name}/{rpc.name}"] = {
                "request": rpc.input_type,
                "response": rpc.output_type,
                "client streaming": rpc.client_streaming,
                "server streaming": rpc.server_streaming,
            }
    return found


def differences(ours: dict[str, Facts], theirs: dict[str, Facts]) -> list[str]:
    lines = [f"{name}: missing in ours" for name in theirs if name not in ours]
    lines += [f"{name}: not in flwr" for name in ours if name not in theirs]
    for name in ours:
        for key, their_value in theirs.get(name, {}).items():
            if ours[name][key] != their_value:
                lines.append(f"{name}: {key} is {ours[name][key]!r}, in flwr {their_value!r}")
    return lines


def used_by(files: Files, services: list[str]) -> set[str]:
    """Full names of the messages and enums that calls of the services carry, directly or not."""
    messages: dict[str, DescriptorProto] = {}

    def collect(scope: str, message: DescriptorProto) -> None:
        messages[f"{scope}.{message.name}"] = message
        for nested in message.nested_type:
            collect(f"{scope}.{message.name}", nested)

    wanted: list[str] = []
    for file in files.values():
        for message in file.message_type:
            collect(f".{file.package}", message)
        for service in file.service:
            if service.name in services:
                wanted += [name for rpc in service.method for name in (rpc.input_type, rpc.output_type)]
    used: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name not in used:
            used.add(name)
            wanted += [field.type_name for field in messages[name].field if field.type_name] if name in messages else []
    return {name.removeprefix(".") for name in used}


def main() -> None:
    files = FileDescriptorSet()
    files.file.extend(installed().values())
    Path(sys.argv[1]).write_bytes(files.SerializeToString())


if __name__ == "__main__":
    main()
