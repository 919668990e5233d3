"""icechunk: arrays with transactions; a commit is a conditional PUT of a branch."""

import icechunk
import zarr
from engine import at_once, configure, main, raises, same

OPTIONS = configure("icechunk")


def repository(name):
    return icechunk.Repository.open_or_create(OPTIONS["storage"](f"icechunk/{name}"))


def array(session, **options):
    return zarr.open_array(session.store, path="a", **options)


def create(made, rows):
    session = made.writable_session("main")
    zarr.create_array(session.store, name="a", shape=(rows, 10), chunks=(1, 10), dtype="i4")[:] = 0
    return session.commit("made")


def check_versions_branches_and_tags():
    made = repository("a")
    first = create(made, 100)
    session = made.writable_session("main")
    array(session)[50:] = 7
    second = session.commit("seven")
    made.create_tag("v1", first)
    made.create_branch("side", first)
    again = repository("a")
    same(int(array(again.readonly_session("main"), mode="r")[:].sum()), 7 * 500)
    same(int(array(again.readonly_session(tag="v1"), mode="r")[:].sum()), 0)
    same(int(array(again.readonly_session("side"), mode="r")[:].sum()), 0)
    same([entry.id for entry in again.ancestry(branch="main")][:2], [second, first])


def check_a_conflict_is_told():
    made = repository("b")
    create(made, 4)
    one, other = made.writable_session("main"), made.writable_session("main")
    array(one)[0, 0] = 2
    array(other)[0, 0] = 3
    one.commit("first")
    raises(icechunk.ConflictError, other.commit, "second")
    same(int(array(made.readonly_session("main"), mode="r")[0, 0]), 2)


def check_twelve_commits_at_once():
    made = repository("c")
    create(made, 12)

    def fill(number):
        session = repository("c").writable_session("main")
        array(session)[number, :] = number + 1
        session.commit(f"row {number}", rebase_with=icechunk.ConflictDetector(), rebase_tries=100)

    at_once(12, fill)
    again = repository("c")
    same(array(again.readonly_session("main"), mode="r")[:, 0].tolist(), list(range(1, 13)))
    same(len(list(again.ancestry(branch="main"))), 14)


if __name__ == "__main__":
    main()
