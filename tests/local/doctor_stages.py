"""All stages, in the order of the links."""

from tests.local import (
    doctor_stages_api,
    doctor_stages_aws,
    doctor_stages_sts,
    doctor_stages_two,
    doctor_stages_way,
    doctor_stages_words,
)
from tests.local.doctor_staging import STAGES

MODULES = (
    doctor_stages_aws,
    doctor_stages_way,
    doctor_stages_sts,
    doctor_stages_api,
    doctor_stages_words,
    doctor_stages_two,
)
__all__ = ["MODULES", "STAGES"]
