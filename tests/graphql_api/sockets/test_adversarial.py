"""Every attack of the corpus is refused over a socket as over HTTP, and the socket goes on."""

from typing import Any

from graphql_api.transport.sockets import Terms
from tests.graphql_api.adversarial import ATTACKS, Attack
from tests.graphql_api.sockets.toys import Diary, speaking
from tests.support.talking import Talk

HURRIED = Terms(starts_per_second=10_000, frames_per_second=10_000)


async def refusal(talk: Talk, attack: Attack) -> set[str]:
    """Attack, hear all that is said of it, and name the codes. Variables are read late, so theirs come in a result."""
    await talk.say({"id": "attack", "type": "subscribe", "payload": attack.request})
    heard = await talk.hear()
    errors: list[Any] = heard["payload"]
    if heard["type"] == "next":
        assert heard["payload"]["data"] is None
        errors = heard["payload"]["errors"]
        assert (await talk.hear())["type"] == "complete"
    return {error["extensions"]["code"] for error in errors}


async def test_every_attack_over_a_socket_is_refused_and_the_socket_goes_on() -> None:
    async with speaking(Diary(), terms=HURRIED) as talk:
        found = {name: await refusal(talk, attack) for name, attack in ATTACKS.items()}
        answer = await talk.ask("{ name }")

    assert found == {name: {attack.code} for name, attack in ATTACKS.items()}
    assert answer[0]["payload"] == {"data": {"name": "toy"}}
