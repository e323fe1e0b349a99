"""ConfigMaps: keys, sizes, and the immutable ones."""

from __future__ import annotations

import base64

from kind_bench import Kind

from orlop.kinds.config_map import MAX_SIZE, decoded_length

SEALED = "Forbidden: field is immutable when `immutable` is set"


def test_keys_are_file_names_and_unique() -> None:
    """A key serves data or binaryData, and is no path."""
    kind = Kind("configmaps")
    assert kind.create(data={"a.b-c_d": ""}, binaryData={"e": "AA=="})
    assert kind.refused(data={"a/b": ""})[0].startswith('data[a/b]: Invalid value: "a/b": a valid config key')
    assert kind.refused(data={"k": ""}, binaryData={"k": ""}) == [
        'data[k]: Invalid value: "k": duplicate of key present in binaryData']


def test_one_mebibyte_of_bytes() -> None:
    """Values count as bytes, of both members together."""
    kind = Kind("configmaps")
    half = base64.b64encode(bytes(MAX_SIZE // 2)).decode()
    assert kind.refused(data={"a": "é" * (MAX_SIZE // 4)}, binaryData={"b": half}) == []
    assert kind.refused(data={"a": "é" * (MAX_SIZE // 4) + "x"}, binaryData={"b": half}) == [
        f": Too long: may not be more than {MAX_SIZE} bytes"]


def test_length_of_base64() -> None:
    """The size of what a text stands for, without decoding it."""
    for size in range(8):
        assert decoded_length(base64.b64encode(bytes(size)).decode()) == size


def test_immutable_stays_immutable() -> None:
    """Neither data nor the seal change; labels do."""
    kind = Kind("configmaps")
    old = kind.create(data={"k": "v"}, immutable=True)
    assert kind.refused_update(old, {"metadata": {"labels": {"a": "b"}}}) == []
    assert kind.refused_update(old, {"data": {"k": "w"}, "binaryData": {"z": "AA=="}, "immutable": False}) == [
        f"immutable: {SEALED}", f"data: {SEALED}", f"binaryData: {SEALED}"]


def test_sealing_is_an_ordinary_update() -> None:
    """An object that was not sealed may change while it gets the seal."""
    kind = Kind("configmaps")
    assert kind.update(kind.create(data={"k": "v"}), {"data": {"k": "w"}, "immutable": True})["data"] == {"k": "w"}
