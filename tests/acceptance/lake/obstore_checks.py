"""obstore: object_store of Rust as it is, on which several of the other engines stand."""

import os

import obstore
from engine import at_once, configure, main, raises, same

STORE = configure("obstore")["store"]


def check_conditional_puts():
    first = obstore.put(STORE, "a", b"1", mode="create")
    raises("AlreadyExists", obstore.put, STORE, "a", b"2", mode="create")
    obstore.put(STORE, "a", b"3", mode={"e_tag": first["e_tag"]})
    raises("Precondition", obstore.put, STORE, "a", b"4", mode={"e_tag": first["e_tag"]})
    same(bytes(obstore.get(STORE, "a").bytes()), b"3")
    raises("NotModified", obstore.get, STORE, "a", options={"if_none_match": obstore.head(STORE, "a")["e_tag"]})


def check_one_of_twelve_creates_wins():
    won = []

    def create(number):
        try:
            obstore.put(STORE, "race", b"%d" % number, mode="create")
            won.append(number)
        except obstore.exceptions.AlreadyExistsError:
            pass

    at_once(12, create)
    same(len(won), 1)
    same(bytes(obstore.get(STORE, "race").bytes()), b"%d" % won[0])


def check_parts_and_ranges():
    body = os.urandom(20_000_000)
    obstore.put(STORE, "large", body, chunk_size=5 << 20, use_multipart=True)
    same(bytes(obstore.get(STORE, "large").bytes()) == body, True, "what came back is what was put")
    starts = list(range(0, 19_000_000, 37_003))
    found = obstore.get_ranges(STORE, "large", starts=starts, lengths=[100] * len(starts))
    same([bytes(part) for part in found] == [body[start:start + 100] for start in starts], True, "ranges are right")
    same(bytes(obstore.get_range(STORE, "large", start=19_999_990, length=10)), body[-10:])


def check_copy_rename_list_delete():
    obstore.put(STORE, "b", b"b")
    obstore.copy(STORE, "b", "c")
    obstore.rename(STORE, "c", "d")
    raises((FileNotFoundError), obstore.head, STORE, "c")
    for number in range(50):
        obstore.put(STORE, f"list/{number:03d}", b"")
    same([entry["path"] for entry in obstore.list(STORE, "list", offset="list/010").collect()],
         [f"list/{number:03d}" for number in range(11, 50)])
    same(obstore.list_with_delimiter(STORE)["common_prefixes"], ["list"])
    obstore.delete(STORE, [f"list/{number:03d}" for number in range(50)] + ["b", "d"])
    same(list(obstore.list(STORE, "list").collect()), [])


def check_attributes_and_signed_addresses():
    import urllib.request
    obstore.put(STORE, "attributes", b"text", attributes={"Content-Type": "text/kelp", "colour": "green"})
    got = obstore.get(STORE, "attributes").attributes
    same((got["Content-Type"], got["colour"]), ("text/kelp", "green"))
    from datetime import timedelta
    address = obstore.sign(STORE, "GET", "attributes", timedelta(seconds=60))
    with urllib.request.urlopen(address) as answer:
        same(answer.read(), b"text")


if __name__ == "__main__":
    main()
