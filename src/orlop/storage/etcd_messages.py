"""etcd's wire messages, of the RPCs that we use and in them the fields that we use.

Asked by `etcd_client` and all that build requests. The classes are made when etcd is first used, from the table
below: no generated code, no compiler. The definitions are etcd's `api/etcdserverpb/rpc.proto`, `api/mvccpb/kv.proto`;
numbers and types must equal theirs, names need not. Field presence is as in proto3 without `oneof`: etcd takes an
absent number of a comparison for 0, which is what it would say.

protobuf and hpack are the optional extra `etcd`; this module and no other imports them.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from orlop.storage.errors import CannotOpen

_TABLE: Final = {
    "Header": "1 uint64 cluster_id, 2 uint64 member_id, 3 int64 revision",
    "KeyValue": "1 bytes key, 2 int64 create_revision, 3 int64 mod_revision, 4 int64 version, 5 bytes value, "
    "6 int64 lease",
    "Event": "1 int32 type, 2 KeyValue kv, 3 KeyValue prev_kv",
    "RangeRequest": "1 bytes key, 2 bytes range_end, 3 int64 limit, 4 int64 revision, 7 bool serializable, "
    "8 bool keys_only, 9 bool count_only",
    "RangeResponse": "1 Header header, 2 *KeyValue kvs, 3 bool more, 4 int64 count",
    "PutRequest": "1 bytes key, 2 bytes value, 3 int64 lease",
    "PutResponse": "1 Header header",
    "DeleteRequest": "1 bytes key",
    "RequestOp": "1 RangeRequest range, 2 PutRequest put, 3 DeleteRequest delete",
    "ResponseOp": "1 RangeResponse range",
    "Compare": "1 int32 result, 2 int32 target, 3 bytes key, 4 int64 version, 5 int64 create_revision, "
    "6 int64 mod_revision",
    "TxnRequest": "1 *Compare compare, 2 *RequestOp success, 3 *RequestOp failure",
    "TxnResponse": "1 Header header, 2 bool succeeded, 3 *ResponseOp responses",
    "CompactRequest": "1 int64 revision",
    "CompactResponse": "1 Header header",
    "WatchCreate": "1 bytes key, 2 bytes range_end, 3 int64 start_revision, 4 bool progress_notify, 6 bool prev_kv, "
    "7 int64 watch_id, 8 bool fragment",
    "WatchProgress": "",
    "WatchRequest": "1 WatchCreate create, 3 WatchProgress progress",
    "WatchResponse": "1 Header header, 2 int64 watch_id, 3 bool created, 4 bool canceled, 5 int64 compact_revision, "
    "6 string cancel_reason, 7 bool fragment, 11 *Event events",
    "LeaseGrantRequest": "1 int64 ttl",
    "LeaseGrantResponse": "1 Header header, 2 int64 id, 3 int64 ttl",
    "AuthenticateRequest": "1 string name, 2 string password",
    "AuthenticateResponse": "1 Header header, 2 string token",
    "StatusRequest": "",
    "StatusResponse": "1 Header header, 2 string version",
}

METHODS: Final = {
    "Range": ("/etcdserverpb.KV/Range", "RangeRequest", "RangeResponse"),
    "Put": ("/etcdserverpb.KV/Put", "PutRequest", "PutResponse"),
    "Txn": ("/etcdserverpb.KV/Txn", "TxnRequest", "TxnResponse"),
    "Compact": ("/etcdserverpb.KV/Compact", "CompactRequest", "CompactResponse"),
    "LeaseGrant": ("/etcdserverpb.Lease/LeaseGrant", "LeaseGrantRequest", "LeaseGrantResponse"),
    "Authenticate": ("/etcdserverpb.Auth/Authenticate", "AuthenticateRequest", "AuthenticateResponse"),
    "Status": ("/etcdserverpb.Maintenance/Status", "StatusRequest", "StatusResponse"),
    "Watch": ("/etcdserverpb.Watch/Watch", "WatchRequest", "WatchResponse"),
}
"""Our name of a call: path, request, response."""

EQUAL: Final = 0
VERSION, CREATE, MOD = 0, 1, 2
"""What a `Compare` compares (`target`)."""

DELETE: Final = 1
"""`Event.type`; 0 is a put."""

_PACKAGE: Final = "orlop.etcd"


class Messages:
    """The classes, by their names in the table."""

    Header: Any
    KeyValue: Any
    Event: Any
    RangeRequest: Any
    RangeResponse: Any
    PutRequest: Any
    DeleteRequest: Any
    RequestOp: Any
    Compare: Any
    TxnRequest: Any
    TxnResponse: Any
    CompactRequest: Any
    WatchCreate: Any
    WatchProgress: Any
    WatchRequest: Any
    WatchResponse: Any
    LeaseGrantRequest: Any
    AuthenticateRequest: Any
    StatusRequest: Any
    DecodeError: type[Exception]

    def __init__(self) -> None:
        descriptors, pools, factory = (
            library(f"google.protobuf.{name}") for name in ("descriptor_pb2", "descriptor_pool", "message_factory")
        )
        self.DecodeError = library("google.protobuf.message").DecodeError
        pool = pools.DescriptorPool()
        pool.Add(_file(descriptors))
        for name in _TABLE:
            setattr(self, name, factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")))


def library(name: str) -> Any:
    """A module of the optional extra. Raises CannotOpen, which says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotOpen("etcd", f"it needs protobuf and hpack: pip install 'orlop[etcd]' ({error})") from error


def _file(descriptors: Any) -> Any:
    file = descriptors.FileDescriptorProto(name="orlop/etcd.proto", package=_PACKAGE, syntax="proto3")
    for message, fields in _TABLE.items():
        made = file.message_type.add(name=message)
        for text in filter(None, fields.split(", ")):
            number, kind, name = text.split()
            _field(descriptors.FieldDescriptorProto, made, int(number), kind, name)
    return file


def _field(kinds: Any, message: Any, number: int, kind: str, name: str) -> None:
    plain = kind.removeprefix("*")
    field = message.field.add(name=name, number=number)
    field.label = kinds.LABEL_OPTIONAL if plain == kind else kinds.LABEL_REPEATED
    if plain in _TABLE:
        field.type, field.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{plain}"
    else:
        field.type = getattr(kinds, f"TYPE_{plain.upper()}")
