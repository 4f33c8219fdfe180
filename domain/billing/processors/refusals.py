"""How a processor, or what claims to come from one, can disappoint."""


class SignatureRefused(Exception):
    """The signature is missing, wrong, too old or from the future. Why is never told to the sender."""


class UnreadableEvent(Exception):
    """Signed, but no event: not readable, or without id, type or created."""


class IncompleteEvent(UnreadableEvent):
    """A subscription with more items than the event shows: fetch `processor_id` instead of applying the event."""

    def __init__(self, *, processor_id: str, customer_processor_id: str, livemode: bool) -> None:
        super().__init__("the event does not show every item")
        self.processor_id = processor_id
        self.customer_processor_id = customer_processor_id
        self.livemode = livemode


class ProcessorUnavailable(Exception):
    """The processor refused to answer or did not answer in time. It may have done the deed.

    `answered`: it did answer, with an error of its own, so the request is not under way any more.
    `retry_after`: how many seconds it asked to be left alone, where it did.
    """

    def __init__(
        self, message: str = "no usable answer", *, answered: bool = False, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.answered = answered
        self.retry_after = retry_after


class ProcessorRefused(Exception):
    """The processor understood and said no; nothing was done. The message is for people and names no secret.

    `code` is the processor's own word for why, where it gave one.
    """

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code
