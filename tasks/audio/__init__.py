"""Samples: joined, levelled, encoded. Here are the settings of it, light to import."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.audio.presets import PRESETS, PresetName


class PauseSettings(BaseModel):
    """`[audio.pauses]` of a profile, in seconds.

    After a turn from one voice to another within a sentence, after a sentence, a paragraph and so on, around a chapter.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    turn: float = Field(0.15, ge=0, le=10)
    sentence: float = Field(0.35, ge=0, le=10)
    paragraph: float = Field(0.7, ge=0, le=10)
    heading: float = Field(1.2, ge=0, le=10)
    scene: float = Field(1.8, ge=0, le=10)
    head: float = Field(0.75, ge=0, le=10)
    tail: float = Field(2.0, ge=0, le=10)


class AudioSettings(BaseModel):
    """`[audio]` of a profile: the preset, integrated loudness (LUFS, ITU-R BS.1770), true peak (dBFS), pauses.

    What the profile does not say of loudness and peak, or says with 0, the preset does.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: PresetName = "acx"
    loudness_lufs: float = Field(-19.0, ge=-40, le=-5)
    peak_dbfs: float = Field(-3.0, ge=-24, lt=0)
    pauses: PauseSettings = Field(default_factory=PauseSettings)

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, values: Any) -> Any:
        name = values.get("preset", "acx") if isinstance(values, dict) else None
        if not isinstance(name, str) or name not in PRESETS:
            return values
        preset = PRESETS[name]
        own = {"loudness_lufs": preset.loudness_lufs, "peak_dbfs": preset.peak_dbfs}
        return values | {name: values.get(name) or figure for name, figure in own.items()}
