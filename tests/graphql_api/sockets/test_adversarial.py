"""Every attack of the corpus is refused over a socket as over HTTP, and the socket goes on."""

from graphql_api.transport.sockets import Terms
from tests.graphql_api.adversarial import ATTACKS
from tests.graphql_api.sockets.toys import Diary, speaking

HURRIED = Terms(starts_per_second=10_000, frames_per_second=10_000)


async def test_every_attack_over_a_socket_is_refused_and_the_socket_goes_on() -> None:
    found: dict[str, set[str]] = {}
    async with speaking(Diary(), terms=HURRIED) as talk:
        for name, attack in ATTACKS.items():
            await talk.say({"id": "attack", "type": "subscribe", "payload": attack.request})
            heard = await talk.hear()
            assert heard["type"] == "error"
            found[name] = {error["extensions"]["code"] for error in heard["payload"]}
        answer = await talk.ask("{ name }")

    assert found == {name: {attack.code} for name, attack in ATTACKS.items()}
    assert answer[0]["payload"]["data"] == {"name": "toy"}
