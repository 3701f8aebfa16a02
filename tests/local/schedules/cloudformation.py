"""A stack as CloudFormation plays it: what it sends, in which order, and what it sends after a failure.

create: Create each resource; when one fails, Delete all that were begun, the failed one by the ID that it answered
or, unanswered, by an invented one. update: Update each; when one fails, Update back with the properties reversed;
then Delete whatever ID is no longer in use, three times at most. delete: Delete until it succeeds.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from functions.gcp_federation.events import RolledBack
from keyless_federation.model.federation import Federation
from tests.local.schedules.conversation import Conversation, succeeded
from tests.local.schedules.faults import CALM, Trouble
from tests.local.schedules.footprint import Footprint, intended
from tests.local.schedules.invariants import missing
from tests.local.schedules.leftovers import Leftovers
from tests.local.schedules.upkeep import says_leave_alone
from tests.local.schedules.wishes import Wish

Json = dict[str, Any]
SHAPES = {"phases": {"Open": "open", "Settle": "settle"}, "whole": {"Google": "whole"}}
CLEANUPS = 3


@dataclass(slots=True)
class Resource:
    """A resource as CloudFormation knows it, and the wish behind its properties."""

    physical_id: str
    properties: Json
    wish: Wish


@dataclass(slots=True)
class Stack(Conversation):
    """One stack with one federation. `resources` are those that exist, `wish` what was deployed last.

    `looked`: the last deployment asked the federation for something. `drifted`: a person changed something since one
    did. `left` is what stayed on Google when something of the stack was deleted without it.
    """

    resources: dict[str, Resource] = field(default_factory=dict)
    wish: Wish | None = None
    deployments: int = 0
    takes_new_id: bool = False
    tampered: bool = False
    looked: bool = False
    drifted: bool = False
    left: Leftovers = field(init=False)

    def __post_init__(self) -> None:
        self.left = Leftovers(self.name)

    def deploy(self, wish: Wish, troubles: Iterator[Trouble], *, breaks: bool = False, anew: bool = False) -> bool:
        """Whether the deployment ended well; `breaks`: after the opening, some function of the stack fails.

        `anew`: the federation is looked at even where nothing changed.
        """
        self.delivery.flush()
        self.troubles, self.deployments, self.looked = troubles, self.deployments + 1, False
        number, before = self.deployments, self.wish
        wanted = {
            name: Resource("", wish.properties(self.name, phase, number, anew=anew), wish)
            for name, phase in self.phases.items()
        }
        done = (self._update if self.resources else self._create)(wanted, breaks)
        self.wish = wish if done else self.wish if self.resources else None
        self.delivery.world.tally["a deployment that looks again"] += self.looked and wish == before and not anew
        self.drifted = self.drifted and not self.looked
        return done

    def delete(self, troubles: Iterator[Trouble]) -> None:
        """Delete the stack until it is gone."""
        self.delivery.flush()
        self.troubles = troubles
        self._delete("DELETE_IN_PROGRESS")

    def _delete(self, status: str) -> None:
        self.turn(status)
        for name, resource in reversed(list(self.resources.items())):
            answer = self.until(name, "Delete", resource.physical_id, resource.properties)
            self._note_left(answer, resource, Footprint())
            del self.resources[name]
        self.wish = None

    def _note_left(self, answer: Json | None, resource: Resource, stays: Footprint) -> None:
        """A deletion may have been told to leave everything."""
        world = self.delivery.world
        told = (answer or {}).get("Data", {}).get("Left", "")
        if told.startswith("Left in"):
            world.tally["left on Google"] += 1
            stays |= world.hand.share(world.local, self.name) | self.left.excused
            world.problems += self.left.note(world.local, resource.wish, stays, told)

    def _create(self, wanted: dict[str, Resource], breaks: bool) -> bool:
        self.turn("CREATE_IN_PROGRESS")
        self.looked = True
        for name, resource in wanted.items():
            answer = self.send(name, "Create", None, resource.properties)
            physical_id = answer["PhysicalResourceId"] if answer else f"{self.name}-{name}-1A2B3C4D5E6F"
            self.resources[name] = replace(resource, physical_id=physical_id)
            if not succeeded(answer) or (breaks and len(self.resources) == 1):
                self._delete("ROLLBACK_IN_PROGRESS")
                return False
        return True

    def _update(self, wanted: dict[str, Resource], breaks: bool) -> bool:
        self.turn("UPDATE_IN_PROGRESS")
        before, touched = deepcopy(self.resources), dict[str, Resource]()
        replaced = list[tuple[str, Resource]]()
        for place, (name, resource) in enumerate(wanted.items()):
            was, answer = self.resources[name], None
            if resource.properties != was.properties:
                touched[name] = resource
                answer = self._change(name, was, resource.properties)
                if answer and (succeeded(answer) or self.takes_new_id):
                    self._move(name, answer["PhysicalResourceId"], resource, replaced)
                if succeeded(answer) and self.phases[name] == "open":
                    self.delivery.world.problems += self._locked_out()
            if (name in touched and not succeeded(answer)) or (breaks and place == 0):
                self._roll_back(before, touched)
                return False
        self.delivery.world.tally["a deployment without an event"] += not touched
        self._clean_up(replaced)
        return True

    def _change(self, name: str, was: Resource, properties: Json) -> Json | None:
        """One update's answer; where it only says what a deletion may leave, Google is not needed for it."""
        calls = self.delivery.calls
        answer = self.send(name, "Update", was.physical_id, properties, was.properties)
        if not says_leave_alone(was.properties, properties):
            self.looked = True
        else:
            self.delivery.world.tally["an update that only says what to leave"] += 1
            failed = answer is not None and not succeeded(answer)
            self.delivery.world.require(not failed, f"refused to say what to leave: {answer}")
            self.delivery.world.require(self.delivery.calls == calls, "Google was asked for what is not its matter")
        return answer

    def _locked_out(self) -> list[str]:
        """What the functions that run now have lost, before others have taken their place."""
        lost = missing(self.delivery.world.local, self.name, self.wish) if self.wish and not self.tampered else []
        return [f"taken away before the functions changed: {what}" for what in lost]

    def _roll_back(self, before: dict[str, Resource], touched: dict[str, Resource]) -> None:
        self.turn("UPDATE_ROLLBACK_IN_PROGRESS")
        replaced = list[tuple[str, Resource]]()
        for name, resource in touched.items():
            old, attempted = before[name], resource.properties
            answer = self.until(name, "Update", self.resources[name].physical_id, old.properties, attempted)
            self.looked |= not says_leave_alone(attempted, old.properties)
            self.resources[name] = replace(resource, physical_id=self.resources[name].physical_id)
            self._move(name, answer["PhysicalResourceId"], old, replaced)
        self._clean_up(replaced)
        if "Settle" in self.phases:
            self.looked = True
            settled = Federation.from_properties(self.resources["Settle"].properties)
            opened = Federation.from_properties(touched["Open"].properties) if touched else None
            self.delivery.settle(RolledBack(wanted=settled, attempted=opened), next(self.troubles, CALM))

    def _move(self, name: str, physical_id: str, resource: Resource, replaced: list[tuple[str, Resource]]) -> None:
        was = self.resources[name]
        if physical_id != was.physical_id:
            replaced.append((name, was))
        self.resources[name] = replace(resource, physical_id=physical_id)

    def _clean_up(self, replaced: list[tuple[str, Resource]]) -> None:
        if replaced:
            self.turn(self.delivery.status.replace("IN_PROGRESS", "COMPLETE_CLEANUP_IN_PROGRESS"))
        for name, resource in reversed(replaced):
            for attempt in range(CLEANUPS):
                if attempt == CLEANUPS - 1:
                    self.troubles = iter(())
                answer = self.send(name, "Delete", resource.physical_id, resource.properties)
                if succeeded(answer):
                    self._note_left(answer, resource, intended(self.name, self.resources[name].wish))
                    break
            else:
                self.delivery.world.problems.append(f"stuck: the clean-up of {resource.physical_id} never succeeds")
