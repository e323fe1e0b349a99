"""What probes, hooks and changes make of the life of a pod."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.node.container import Container, Role, State, Stopping
from orlop.node.lifecycle import Action, Life, Notice, PreStop, Start, Stop
from orlop.node.pod_status import Place, status_of

PLACE = Place("127.0.0.1", "10.64.0.1", "orlop-process")
EXEC = {"exec": {"command": ["true"]}}


def life_of(*containers: dict[str, Any], inits: tuple[dict[str, Any], ...] = (), policy: str = "Always",
            **spec: Any) -> Life:
    pod = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "generation": 1},
           "spec": {"restartPolicy": policy, "initContainers": list(inits), "containers": list(containers), **spec}}
    return Life(pod, 0.0, heeds=True)


def started(life: Life, now: float) -> list[str]:
    """The containers that are to be started now; they are."""
    found: list[str] = []
    while True:
        starts = [a.container for a in life.step(now) if isinstance(a, Start)]
        if not starts:
            return found
        for container in starts:
            life.began(container, f"id-{container.name}-{container.restarts}", now)
            found.append(container.name)


def get(life: Life, name: str = "main") -> Container:
    container = life.container(name)
    assert container is not None
    return container


def notices(actions: list[Action]) -> list[str]:
    return [a.message for a in actions if isinstance(a, Notice)]


def stops(actions: list[Action]) -> list[tuple[str, float]]:
    return [(a.container.name, a.grace) for a in actions if isinstance(a, Stop)]


def conditions(life: Life, now: float) -> dict[str, str]:
    return {c["type"]: c["status"] for c in status_of(life, PLACE, {}, now)["conditions"]}


def test_readiness_decides_what_is_ready() -> None:
    """A container is not ready before its probe says so, and not after it says no; it runs on."""
    life = life_of({"name": "main", "readinessProbe": EXEC})
    started(life, 0)
    assert conditions(life, 0)["Ready"] == "False"
    assert life.probed(get(life), "readiness", True) and not life.probed(get(life), "readiness", True)
    assert conditions(life, 1)["Ready"] == "True"
    life.probed(get(life), "readiness", False)
    (status,) = status_of(life, PLACE, {}, 2)["containerStatuses"]
    assert (status["ready"], status["started"]) == (False, True)
    assert life.step(2) == [] and life.phase == "Running"


def test_readiness_counts_after_the_startup_probe() -> None:
    life = life_of({"name": "main", "startupProbe": EXEC, "readinessProbe": EXEC}, {"name": "other"})
    started(life, 0)
    main = get(life)
    assert (main.up, main.ready) == (False, False) and get(life, "other").ready
    life.probed(main, "startup", True)
    assert (main.up, main.ready) == (True, False)


@pytest.mark.parametrize(("policy", "text"), [("Always", ", will be restarted"), ("OnFailure", ", will be restarted"),
                                              ("Never", "")])
def test_a_failed_liveness_probe_ends_the_container(policy: str, text: str) -> None:
    """Within the pod's grace; the policy decides whether it comes again, at once the first time."""
    life = life_of({"name": "main", "livenessProbe": EXEC}, policy=policy, terminationGracePeriodSeconds=9)
    started(life, 0)
    life.probed(get(life), "liveness", False)
    actions = life.step(5)
    assert notices(actions) == [f"Container main failed liveness probe{text}"]
    assert stops(actions) == [("main", 9)]
    assert life.step(6) == []
    life.ended(get(life), 137, 14)
    assert started(life, 14) == (["main"] if policy != "Never" else [])
    assert life.phase == ("Running" if policy != "Never" else "Failed")


def test_a_probe_may_have_a_grace_of_its_own() -> None:
    life = life_of({"name": "main", "startupProbe": {**EXEC, "terminationGracePeriodSeconds": 4}})
    started(life, 0)
    life.probed(get(life), "startup", False)
    assert stops(life.step(1)) == [("main", 4)]


def test_back_off_after_kills_counts_from_the_end_before() -> None:
    """Kills far apart are answered with starts at once until the wait is longer than they are apart."""
    life, now, waits = life_of({"name": "main", "livenessProbe": EXEC}), 0.0, []
    started(life, now)
    for _ in range(5):
        now += 30
        life.probed(get(life), "liveness", False)
        life.step(now)
        life.ended(get(life), 143, now)
        begun = started(life, now)
        waits.append(0.0 if begun else life.wake - now)
        if not begun:
            now = life.wake
            started(life, now)
    assert waits == [0, 0, 0, 0, 40]


def test_a_sidecar_must_be_up_before_what_follows() -> None:
    """Its startup probe holds up the rest; its readiness does not."""
    sidecar = {"name": "s", "restartPolicy": "Always", "startupProbe": EXEC, "readinessProbe": EXEC}
    life = life_of({"name": "main"}, inits=(sidecar,))
    assert started(life, 0) == ["s"]
    assert conditions(life, 0)["Initialized"] == "False"
    life.probed(get(life, "s"), "startup", True)
    assert started(life, 3) == ["main"]
    assert conditions(life, 3) == {"PodReadyToStartContainers": "True", "Initialized": "True", "Ready": "False",
                                   "ContainersReady": "False", "PodScheduled": "True"}
    life.probed(get(life, "s"), "liveness", False)
    assert notices(life.step(4)) == ["Init container s failed liveness probe"]


def test_sidecars_end_in_reverse_order() -> None:
    """Each when those after it have ended, or when the grace is over; hooks of all begin at once."""
    inits = tuple({"name": name, "restartPolicy": "Always"} for name in ("a", "b"))
    hook = {"lifecycle": {"preStop": EXEC}}
    life = life_of({"name": "main"}, inits=(inits[0], {**inits[1], **hook}))
    assert started(life, 0) == ["a", "b", "main"]
    life.delete(10)
    actions = life.step(1)
    assert stops(actions) == [("main", 10)]
    assert [a.container.name for a in actions if isinstance(a, PreStop)] == ["b"]
    life.pre_stop_ended(get(life, "b"), 2.5)
    assert life.step(2.5) == []
    life.ended(get(life), 0, 3)
    assert stops(life.step(3)) == [("b", 8.5)]  # of the time of its hook whole seconds count
    assert life.wake == 11
    assert stops(life.step(11)) == [("a", 2)]


def test_a_pre_stop_hook_goes_before_the_signal() -> None:
    """And not longer than the grace, of which at least two seconds are left for the container."""
    life = life_of({"name": "main", "lifecycle": {"preStop": EXEC}})
    started(life, 0)
    life.delete(5)
    (_, hook) = life.step(0)
    assert isinstance(hook, PreStop) and hook.grace == 5
    assert life.step(4) == [] and life.wake == 5
    assert stops(life.step(5)) == [("main", 2)]
    assert life.step(5) == []


def test_a_shorter_grace_counts() -> None:
    """Told again with less, a container that was told to end is told so again."""
    life = life_of({"name": "main"})
    started(life, 0)
    life.delete(30)
    assert stops(life.step(0)) == [("main", 30)]
    life.delete(5)
    assert stops(life.step(1)) == [("main", 5)]
    life.delete(30)
    assert life.step(2) == []


def test_a_post_start_hook_holds_up_the_container() -> None:
    """It is not said to run before the hook has ended, nor are those after it started."""
    life = life_of({"name": "a", "lifecycle": {"postStart": EXEC}}, {"name": "b"})
    assert started(life, 0) == ["a"]
    assert life.phase == "Pending"
    (status, _) = status_of(life, PLACE, {}, 0)["containerStatuses"]
    assert status["state"] == {"waiting": {"reason": "ContainerCreating"}}
    life.hook_ended(get(life, "a"))
    assert started(life, 1) == ["b"]
    assert life.phase == "Running"


def test_a_run_whose_hook_has_not_ended_is_not_shown() -> None:
    """Until then the status is that of the run before."""
    life = life_of({"name": "main", "lifecycle": {"postStart": EXEC}})
    started(life, 0)
    life.hook_ended(get(life))
    life.ended(get(life), 3, 5)
    before = status_of(life, PLACE, {}, 5)["containerStatuses"]
    assert started(life, 5) == ["main"]
    assert status_of(life, PLACE, {}, 6)["containerStatuses"] == before
    life.hook_ended(get(life))
    (status,) = status_of(life, PLACE, {}, 7)["containerStatuses"]
    assert status["restartCount"] == 1 and status["state"] == {"running": {"startedAt": "1970-01-01T00:00:05Z"}}


def test_a_failed_post_start_hook_ends_the_container() -> None:
    """The failure is what its status shows while it waits for another start."""
    life = life_of({"name": "main", "lifecycle": {"postStart": EXEC}})
    started(life, 0)
    life.hook_ended(get(life), "Exec lifecycle hook failed")
    actions = life.step(1)
    assert notices(actions) == ["FailedPostStartHook"] and stops(actions) == [("main", 30)]
    life.ended(get(life), 143, 2)
    (status,) = status_of(life, PLACE, {}, 2)["containerStatuses"]
    assert status["state"] == {"waiting": {"reason": "PostStartHookError", "message": "Exec lifecycle hook failed"}}
    assert status["lastState"]["terminated"]["exitCode"] == 143
    assert started(life, 2) == ["main"] and get(life).restarts == 1


def test_a_command_that_cannot_be_run_is_a_run_that_failed() -> None:
    """It is shown as such, backs off, and makes a pod fail that never restarts."""
    for policy in ("Always", "Never"):
        life = life_of({"name": "main"}, policy=policy)
        (start,) = life.step(10)
        assert isinstance(start, Start)
        life.stillborn(start.container, "RunContainerError", "no such file", 10)
        (status,) = status_of(life, PLACE, {}, 10)["containerStatuses"]
        where = status["lastState"] if policy == "Always" else status["state"]
        assert where["terminated"] == {
            "exitCode": 128, "reason": "StartError", "message": "no such file",
            "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "1970-01-01T00:00:10Z"}
        if policy == "Always":
            assert status["state"] == {"waiting": {"reason": "RunContainerError", "message": "no such file"}}
        assert life.phase == ("Running" if policy == "Always" else "Failed")


def test_a_new_image_restarts_the_container() -> None:
    """Whatever the policy says; other resources do so only where the container wants it."""
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    life = life_of({"name": "main", "image": "a:1", "resizePolicy": policy}, policy="Never")

    def changed(**members: Any) -> None:
        spec = {**life.pod["spec"], "containers": [{**life.pod["spec"]["containers"][0], **members}]}
        life.update({**life.pod, "spec": spec})

    started(life, 0)
    changed(resources={"requests": {"cpu": "1"}})
    assert life.step(1) == []
    changed(resources={"requests": {"cpu": "1", "memory": "1Gi"}})
    assert notices(life.step(1)) == ["Container main resize requires restart"]
    life.ended(get(life), 0, 2)
    assert started(life, 2) == ["main"]
    changed(image="a:2")
    assert notices(life.step(3)) == ["Container main definition changed, will be restarted"]
    life.ended(get(life), 143, 4)
    assert get(life).restarts_after(143, "Never")
    (status,) = status_of(life, PLACE, {}, 4)["containerStatuses"]
    assert status["allocatedResources"] == {"cpu": "1", "memory": "1Gi"}


def test_a_rule_restarts_one_container() -> None:
    """The first rule that fits goes before the container's policy."""
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    life = life_of({"name": "main", "restartPolicy": "Never", "restartPolicyRules": rules}, policy="Never")
    started(life, 0)
    life.ended(get(life), 42, 1)
    assert started(life, 1) == ["main"]
    life.ended(get(life), 1, 2)
    assert started(life, 100) == [] and life.phase == "Failed"


def test_a_rule_restarts_all_containers() -> None:
    """All others are ended, then init containers run again, and all are counted."""
    rules = [{"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}}]
    life = life_of({"name": "main", "restartPolicy": "Never", "restartPolicyRules": rules}, {"name": "other"},
                   inits=({"name": "first"},), policy="Never")
    started(life, 0)
    life.ended(get(life, "first"), 0, 1)
    assert started(life, 1) == ["main", "other"]
    life.ended(get(life), 42, 2)
    assert stops(life.step(2)) == [("other", 2)]
    assert conditions(life, 2)["AllContainersRestarting"] == "True"
    life.ended(get(life, "other"), 137, 3)
    assert started(life, 3) == ["first"]
    life.ended(get(life, "first"), 0, 4)
    assert started(life, 4) == ["main", "other"]
    assert [c.restarts for c in life.containers] == [1, 1, 1]
    assert conditions(life, 4)["AllContainersRestarting"] == "False"


def test_an_ephemeral_container_runs_beside_the_others() -> None:
    """It is started while the pod lives, never again, and is neither ready nor in the way of the end."""
    life = life_of({"name": "main"}, policy="Never")
    started(life, 0)
    life.update({**life.pod, "spec": {**life.pod["spec"], "ephemeralContainers": [{"name": "debug"}]}})
    assert started(life, 1) == ["debug"]
    (status,) = status_of(life, PLACE, {}, 1)["ephemeralContainerStatuses"]
    assert not status["ready"] and "started" not in status and "running" in status["state"]
    life.ended(get(life, "debug"), 1, 2)
    assert started(life, 50) == [] and get(life, "debug").role is Role.EPHEMERAL
    life.ended(get(life), 0, 51)
    assert life.step(51) == [] and life.phase == "Succeeded"


def test_who_waits_for_a_start_is_shown_as_ended_when_the_pod_is_deleted() -> None:
    life = life_of({"name": "main"}, {"name": "never"})
    for container in [a.container for a in life.step(0) if isinstance(a, Start)]:
        life.began(container, "id", 0) if container.name == "main" else life.refused(container, "Err", "no", 0)
    for now in (1, 2):
        life.ended(get(life), 7, now)
        started(life, now) if now == 1 else life.step(now)
    assert get(life).reason == "CrashLoopBackOff"
    life.delete(30)
    life.step(3)
    (main, never) = status_of(life, PLACE, {}, 3)["containerStatuses"]
    assert main["state"]["terminated"]["exitCode"] == 7 and main["lastState"]["terminated"]["exitCode"] == 7
    assert never["state"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert life.finished and life.phase == "Failed" and get(life).state is State.TERMINATED


def test_readiness_gates() -> None:
    """The pod is ready when its containers are, and what others have to say."""
    life = life_of({"name": "main"}, readinessGates=[{"conditionType": "example.com/fine"}])
    started(life, 0)

    def ready(*others: dict[str, str]) -> dict[str, Any]:
        found = status_of(life, PLACE, {"conditions": list(others)}, 1)["conditions"]
        assert found[3]["status"] == "True"
        one: dict[str, Any] = found[2]
        return one

    assert (ready()["reason"], ready()["message"]) == (
        "ReadinessGatesNotReady",
        'corresponding condition of pod readiness gate "example.com/fine" does not exist.')
    assert ready({"type": "example.com/fine", "status": "False"})["message"] == (
        'the status of pod readiness gate "example.com/fine" is not "True", but False')
    assert ready({"type": "example.com/fine", "status": "True"})["status"] == "True"


FULL = {"startupProbe": EXEC, "readinessProbe": EXEC, "livenessProbe": EXEC,
        "lifecycle": {"preStop": EXEC, "postStart": EXEC}}
STEP = st.tuples(st.floats(0, 50), st.integers(0, 5),
                 st.sampled_from(("wait", "exit", "hook", "hook fails", "pre stop", "up", "dead", "ready", "delete")))


@given(st.sampled_from(("Always", "OnFailure", "Never")), st.integers(0, 2), st.lists(STEP, max_size=50))
def test_histories(policy: str, sidecars: int, steps: list[tuple[float, int, str]]) -> None:
    """Whatever happens: nothing is started twice or told to end before its hook or deadline, nothing not up is ready,
    and a deleted pod ends within its grace."""
    inits = tuple({"name": f"s{n}", "restartPolicy": "Always", **FULL} for n in range(sidecars))
    life, now = life_of({"name": "a", **FULL}, {"name": "b", **FULL}, inits=inits, policy=policy), 0.0
    hooks: set[tuple[str, int]] = set()
    for wait, which, what in [*steps, (0.0, 0, "delete")]:
        now += wait
        running = [c for c in life.containers if c.state is State.RUNNING]
        if what == "delete":
            life.delete(30)
        elif running:
            _tell(life, running[which % len(running)], what, now)
        for action in life.step(now):
            _carry_out(life, action, hooks, now)
        for container in life.containers:
            assert not container.ready or (container.up and container.state is State.RUNNING)
    for _ in range(2 * len(life.containers)):
        now = life.wake if life.wake < now + 31 else now
        for action in life.step(now):
            _carry_out(life, action, hooks, now)
            if isinstance(action, Stop):
                life.ended(action.container, 137, now)
        for container in [c for c in life.containers if c.state is State.RUNNING and c.stopping is Stopping.TOLD]:
            life.ended(container, 137, now)
    assert life.finished and life.phase in ("Failed", "Succeeded")


def _tell(life: Life, container: Container, what: str, now: float) -> None:
    if what == "exit":
        life.ended(container, 1, now)
    elif what in ("hook", "hook fails"):
        life.hook_ended(container, "" if what == "hook" else "failed")
    elif what == "pre stop":
        life.pre_stop_ended(container, now)
    elif what != "wait":
        kind = {"up": "startup", "dead": "liveness", "ready": "readiness"}[what]
        life.probed(container, kind, what != "dead") if container.up or kind == "startup" else None


def _carry_out(life: Life, action: Action, hooks: set[tuple[str, int]], now: float) -> None:
    if isinstance(action, Start):
        assert not life.deleting and action.container.state is State.STARTING
        life.began(action.container, "id", now)
    elif isinstance(action, PreStop):
        run = action.container.name, action.container.restarts
        assert run not in hooks
        hooks.add(run)
    elif isinstance(action, Stop):
        assert action.grace >= 2 and action.container.state is State.RUNNING


def test_what_cannot_be_made_is_tried_again() -> None:
    """Soon and evenly where the configuration is missing, later and later for other reasons; no run is counted."""
    for reason, waits in (("CreateContainerConfigError", [10, 10, 10]), ("ErrSomething", [10, 20, 40]),
                          ("", [0.5, 1, 2])):
        life, now, found = life_of({"name": "main"}), 0.0, []
        for _ in waits:
            (start,) = life.step(now)
            assert isinstance(start, Start)
            life.refused(start.container, reason, "no", now) if reason else life.unmounted(start.container, now)
            assert life.step(now) == [] and life.begun is bool(reason)
            found.append(life.wake - now)
            now = life.wake
        assert found == waits
        assert started(life, now) == ["main"] and get(life).restarts == 0
        life.ended(get(life), 1, now + 1)
        assert started(life, now + 1) == ["main"]


def test_an_image_that_cannot_be_had() -> None:
    """The attempt's failure is shown, then that it waits for another."""
    life = life_of({"name": "main", "image": "no:such"})
    (start,) = life.step(0)
    assert isinstance(start, Start)
    life.refused(start.container, "ErrImagePull", "not found", 0)
    assert get(life).reason == "ErrImagePull"
    assert notices(life.step(0)) == ['Back-off pulling image "no:such"', "Error: ImagePullBackOff"]
    (status,) = status_of(life, PLACE, {}, 0)["containerStatuses"]
    assert status["state"] == {"waiting": {
        "reason": "ImagePullBackOff", "message": 'Back-off pulling image "no:such": ErrImagePull: not found'}}
    assert life.step(5) == [] and life.wake == 10
