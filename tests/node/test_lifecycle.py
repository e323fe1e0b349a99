"""The life of a pod as a machine: what is started when, and what never happens."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orlop.node.container import Container, Role, State
from orlop.node.lifecycle import Life, Notice, Start, Stop
from orlop.node.pod_status import Place, status_of

PLACE = Place("127.0.0.1", "10.64.0.1", "orlop-fake")


def made(policy: str = "Always", inits: tuple[str, ...] = (), sidecars: tuple[str, ...] = (),
         names: tuple[str, ...] = ("main",), **spec: Any) -> Life:
    first = [{"name": n, "restartPolicy": "Always"} for n in sidecars] + [{"name": n} for n in inits]
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 1},
           "spec": {"restartPolicy": policy, "initContainers": first, "containers": [{"name": n} for n in names],
                    **spec}}
    return Life(pod, 0.0)


def started(life: Life, now: float) -> list[str]:
    """The containers that are to be started now; they are."""
    found = [action.container for action in life.step(now) if isinstance(action, Start)]
    for container in found:
        life.began(container, f"id-{container.name}-{container.restarts}", now)
    return [container.name for container in found]


def end(life: Life, name: str, code: int, now: float) -> None:
    container = life.container(name)
    assert container is not None
    life.ended(container, code, now)


def test_init_containers_go_one_after_the_other() -> None:
    """Sidecars start first and stay; init containers end before the next begins; then all others at once."""
    life = made(inits=("a", "b"), sidecars=("s",), names=("x", "y"))
    assert started(life, 0) == ["s"]
    assert started(life, 0) == ["a"]
    assert started(life, 1) == []
    end(life, "a", 0, 1)
    assert started(life, 1) == ["b"]
    assert life.phase == "Pending"
    end(life, "b", 0, 2)
    assert started(life, 2) == ["x", "y"]
    assert life.phase == "Running"


def test_a_failed_init_container_fails_a_pod_that_never_restarts() -> None:
    life = made("Never", inits=("a",))
    started(life, 0)
    end(life, "a", 1, 1)
    assert started(life, 1) == []
    assert life.phase == "Failed" and life.finished


def test_back_off_doubles_and_a_long_run_forgets_it() -> None:
    """0, 10, 20 ... seconds between an end and the next start; at once after ten minutes without a failure."""
    life, now, waits = made(), 0.0, []
    assert started(life, now) == ["main"]
    for _ in range(7):
        now += 1
        end(life, "main", 1, now)
        begun = started(life, now)
        waited = 0.0
        if not begun:
            waited = life.wake - now
            now = life.wake
            assert started(life, now) == ["main"]
        waits.append(waited)
    assert waits == [0, 10, 20, 40, 80, 160, 300]
    end(life, "main", 1, now + 601)
    assert started(life, now + 601) == ["main"]
    container = life.container("main")
    assert container is not None and container.restarts == 8


def test_a_job_pod_succeeds_when_all_have() -> None:
    """OnFailure starts again what failed, and nothing that succeeded; sidecars are stopped at the end."""
    life = made("OnFailure", sidecars=("s",), names=("x", "y"))
    started(life, 0)
    started(life, 0)
    end(life, "x", 0, 1)
    end(life, "y", 2, 1)
    assert started(life, 1) == ["y"]
    end(life, "y", 0, 2)
    stops = [action.container.name for action in life.step(2) if isinstance(action, Stop)]
    assert stops == ["s"] and not life.finished
    end(life, "s", 143, 2)
    assert life.step(3) == []
    assert life.phase == "Succeeded"


def test_deletion_stops_containers_before_sidecars() -> None:
    life = made(sidecars=("s",))
    started(life, 0)
    started(life, 0)
    life.delete(7)
    actions = life.step(1)
    assert {a.message for a in actions if isinstance(a, Notice)} == {"Stopping container main", "Stopping container s"}
    (stop,) = (a for a in actions if isinstance(a, Stop))
    assert (stop.container.name, stop.grace) == ("main", 7)
    assert life.step(1) == []
    end(life, "main", 0, 2)
    assert [(a.container.name, a.grace) for a in life.step(2) if isinstance(a, Stop)] == [("s", 6)]
    end(life, "s", 0, 2)
    assert life.step(2) == [] and life.finished


def test_a_deadline_fails_the_pod() -> None:
    life = made(activeDeadlineSeconds=5)
    started(life, 0)
    assert life.wake == 5
    told = [a for a in life.step(5) if isinstance(a, Notice) and a.container is None]
    assert [a.reason for a in told] == ["DeadlineExceeded"]
    assert life.phase == "Running" and "reason" not in status_of(life, PLACE, {}, 5)
    end(life, "main", 143, 6)
    assert life.step(6) == [] and life.phase == "Failed"
    status = status_of(life, PLACE, {}, 6)
    assert (status["reason"], status["message"]) == (
        "DeadlineExceeded", "Pod was active on the node longer than the specified deadline")


RANK = {"Pending": 0, "Running": 1, "Succeeded": 2, "Failed": 2}
STEP = st.tuples(st.floats(0, 400), st.integers(0, 6), st.sampled_from(("end", "end", "refuse", "wait", "delete")),
                 st.sampled_from((0, 0, 1, 137)))


@given(st.sampled_from(("Always", "OnFailure", "Never")), st.integers(0, 2), st.integers(0, 2), st.integers(1, 3),
       st.lists(STEP, max_size=40))
def test_histories(policy: str, inits: int, sidecars: int, mains: int, steps: list[tuple[Any, ...]]) -> None:
    """Whatever happens: phases never go back, counts never fall, and a deleted pod ends when its containers do."""
    life = made(policy, tuple(f"i{n}" for n in range(inits)), tuple(f"s{n}" for n in range(sidecars)),
                tuple(f"m{n}" for n in range(mains)))
    now, rank, counts = 0.0, 0, {c.name: 0 for c in life.containers}
    status: dict[str, Any] = {}
    for wait, which, what, code in steps:
        now += wait
        alive = [c for c in life.containers if c.state is State.RUNNING]
        if what == "delete":
            life.delete(30)
        elif what == "end" and alive:
            life.ended(alive[which % len(alive)], code, now)
        starts = [a.container for a in life.step(now) if isinstance(a, Start)]
        for container in starts:
            assert container.state is State.STARTING
            if what == "refuse":
                life.refused(container, "ErrImagePull", "no", now)
            else:
                life.began(container, "id", now)
        assert not (life.deleting and starts)
        _check_order(life.containers)
        status = status_of(life, PLACE, status, now)
        assert RANK[status["phase"]] >= rank
        rank = RANK[status["phase"]]
        for container in life.containers:
            assert container.restarts >= counts[container.name]
            counts[container.name] = container.restarts
    life.delete(0)
    for _ in range(3):
        life.step(now)
        for container in life.containers:
            if container.state is State.RUNNING:
                life.ended(container, 137, now)
    assert life.finished


def _check_order(containers: list[Container]) -> None:
    """No container runs before the init containers have ended well."""
    if any(c.alive for c in containers if c.role is Role.MAIN):
        assert all(c.ended is not None and c.ended.code == 0 for c in containers if c.role is Role.INIT)
