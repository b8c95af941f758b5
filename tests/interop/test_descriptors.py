# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Compare our .proto files with the protobuf descriptors of the installed flwr package.

The environment variable FLWRCPP_DESCRIPTOR_SET names the FileDescriptorSet that the build writes
(flwr_proto.desc in the build directory of flwr_proto).
"""

import importlib
import os
import pkgutil
from pathlib import Path

import flwr.proto
import pytest
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

# Files whose messages, enums and services we must have without exception.
FILES = [
    f"flwr/proto/{name}.proto"
    for name in (
        "control error fab federation federation_config fleet grpcadapter heartbeat log message "
        "node recorddict run runseries runtime task transport"
    ).split()
]


def _theirs() -> dict[str, FileDescriptorProto]:
    files = {}
    for module in pkgutil.iter_modules(flwr.proto.__path__):
        if module.name.endswith("_pb2"):
            proto = FileDescriptorProto()
            importlib.import_module(f"flwr.proto.{module.name}").DESCRIPTOR.CopyToProto(proto)
            files[proto.name] = proto
    return files


def _ours() -> dict[str, FileDescriptorProto]:
    path = os.environ.get("FLWRCPP_DESCRIPTOR_SET")
    if not path:
        pytest.fail("FLWRCPP_DESCRIPTOR_SET is not set")
    files = FileDescriptorSet.FromString(Path(path).read_bytes()).file
    return {file.name: file for file in files}


def _field(field, message) -> dict:
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


def _facts(file: FileDescriptorProto) -> dict[str, dict]:
    """What a peer can notice of a file, as {name of a message, field, ...: properties}."""
    facts = {file.name: {"package": file.package, "syntax": file.syntax}}

    def add_enum(scope, enum):
        name = f"enum {scope}.{enum.name}"
        facts[name] = {}
        for value in enum.value:
            facts[f"{name}, value {value.name}"] = {"number": value.number}

    def add_message(scope, message):
        full_name = f"{scope}.{message.name}"
        name = f"message {full_name}"
        facts[name] = {"map entry": message.options.map_entry}
        for field in message.field:
            facts[f"{name}, field {field.name}"] = _field(field, message)
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
        facts[f"service {name}"] = {}
        for rpc in service.method:
            facts[f"rpc /{name}/{rpc.name}"] = {
                "request": rpc.input_type,
                "response": rpc.output_type,
                "client streaming": rpc.client_streaming,
                "server streaming": rpc.server_streaming,
            }
    return facts


def _differences(ours: dict[str, dict], theirs: dict[str, dict]) -> list[str]:
    lines = [f"{name}: missing in ours" for name in theirs if name not in ours]
    lines += [f"{name}: not in flwr" for name in ours if name not in theirs]
    for name in ours:
        for key, their_value in theirs.get(name, {}).items():
            if ours[name][key] != their_value:
                lines.append(f"{name}: {key} is {ours[name][key]!r}, in flwr {their_value!r}")
    return lines


@pytest.fixture(scope="module")
def theirs():
    return _theirs()


@pytest.fixture(scope="module")
def ours():
    return _ours()


@pytest.mark.parametrize("name", FILES)
def test_file_is_equal(name, ours, theirs):
    assert name in theirs, f"flwr has no {name}"
    assert name in ours, f"{name} is missing in our descriptor set"
    differences = _differences(_facts(ours[name]), _facts(theirs[name]))
    assert not differences, "\n" + "\n".join(differences)


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
    differences = _differences(_facts(broken), _facts(original))
    wanted = f"message flwr.proto.{message}, field {field}: {expected}"
    assert any(line.startswith(wanted) for line in differences), differences
