"""What objects begin with: the fields that the peer leaves as they are, or fills later."""

import copy

from tests.peers.stripe.account import Document

INVOICE: Document = (
    dict.fromkeys(
        (
            "account_tax_ids",
            "application",
            "automatically_finalizes_at",
            "custom_fields",
            "description",
            "due_date",
            "effective_at",
            "ending_balance",
            "footer",
            "from_invoice",
            "hosted_invoice_url",
            "invoice_pdf",
            "last_finalization_error",
            "latest_revision",
            "next_payment_attempt",
            "number",
            "on_behalf_of",
            "receipt_number",
            "rendering",
            "shipping_cost",
            "shipping_details",
            "statement_descriptor",
        )
    )
    | dict.fromkeys(
        (
            "amount_overpaid",
            "amount_paid",
            "amount_shipping",
            "post_payment_credit_notes_amount",
            "pre_payment_credit_notes_amount",
        ),
        0,
    )
    | {
        "account_country": "US",
        "account_name": "Peer",
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "default_tax_rates": [],
        "discounts": [],
        "metadata": {},
        "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
    }
)

SUBSCRIPTION: Document = dict.fromkeys(
    (
        "application",
        "application_fee_percent",
        "billing_cycle_anchor_config",
        "billing_thresholds",
        "cancel_at",
        "canceled_at",
        "customer_account",
        "days_until_due",
        "default_payment_method",
        "default_source",
        "ended_at",
        "latest_invoice",
        "next_pending_invoice_item_invoice",
        "on_behalf_of",
        "pause_collection",
        "pending_invoice_item_interval",
        "pending_setup_intent",
        "pending_update",
        "schedule",
        "status_details",
        "transfer_data",
        "trial_end",
        "trial_start",
    )
) | {
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "cancel_at_period_end": False,
    "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
    "default_tax_rates": [],
    "discounts": [],
}

SESSION: Document = dict.fromkeys(
    (
        "billing_address_collection",
        "client_secret",
        "customer_details",
        "invoice",
        "locale",
        "origin_context",
        "payment_intent",
        "payment_link",
        "redirect_on_completion",
        "setup_intent",
        "submit_type",
        "subscription",
    )
) | {
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "payment_method_collection": "always",
    "payment_method_types": ["card"],
    "payment_status": "unpaid",
    "shipping_options": [],
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
}

LINE: Document = dict.fromkeys(("invoice",)) | {
    "discount_amounts": [],
    "discounts": [],
    "pretax_credit_amounts": [],
    "taxes": [],
}


def blank(fields: Document) -> Document:
    """Give a copy of one's own."""
    return copy.deepcopy(fields)
