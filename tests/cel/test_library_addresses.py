"""Addresses and blocks against Python's `ipaddress`."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.cel.library_ip_parser import AddressError, PrefixError, parse_address, parse_prefix


@given(st.ip_addresses())
def test_addresses_are_read_and_written_canonically(address):
    """What Python writes is read, and written the same again."""
    found = parse_address(str(address))
    assert (found.version, found.number, str(found)) == (address.version, int(address), str(address))


@given(st.ip_addresses(v=6))
def test_long_spellings_are_read(address):
    """All groups, leading zeros and capitals make the same address."""
    assert parse_address(address.exploded.upper()).number == int(address)


@given(st.ip_addresses(), st.integers(0, 128))
def test_blocks_are_read(address, length):
    """A prefix is an address and a length within its bits."""
    text = f"{address}/{length}"
    if length > address.max_prefixlen:
        with pytest.raises(PrefixError, match="prefix length out of range"):
            parse_prefix(text)
        return
    found, bits = parse_prefix(text)
    assert ipaddress.ip_interface(text).ip == ipaddress.ip_address(str(found)) and bits == length


@given(st.text("0123456789abcf:./%gx", max_size=20))
def test_garbage_is_refused_where_python_refuses_it(text):
    """The texts that are addresses are those Python takes, zones aside."""
    try:
        expected = ipaddress.ip_address(text)
    except ValueError:
        expected = None
    try:
        found = parse_address(text)
    except AddressError:
        assert expected is None or "%" in text
    else:
        assert expected is not None and found.number == int(expected)
