"""A Piper voice in a worker process: one thread, repeatable, and a tenth faster than the model as it is shipped.

Piper's models (VITS, exported to ONNX) draw their variation from random nodes that cannot be seeded for each run. Here
those nodes become inputs, filled with noise whose seed is the sentence itself: the voice keeps its natural variation and
says a sentence the same way every time. The decoder's one-dimensional convolutions, most of the work, become
two-dimensional ones of height 1, for which onnxruntime has faster kernels; the samples change by less than 1e-5.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from piper import PiperVoice
from piper.config import PiperConfig

from tasks.voices.piper import PiperChoice

_DECODER = "/dec/"
_FIRST_CONVOLUTION = "/dec/conv_pre/Conv"
_LAST_NODE = "/dec/Tanh"
_HEIGHT_AXIS = "declaim_height_axis"
_FRAMES_A_PHONEME = 12
_FRAMES_AT_LEAST = 256
_FRAMES_AT_MOST = 1 << 18


@dataclass(frozen=True, slots=True)
class _Noise:
    """A random node that became an input: its name and its second dimension; the third is time."""

    name: str
    channels: int


@cache
def load(model: Path) -> tuple[PiperVoice, list[_Noise]]:
    """Load a voice, once in a process and those that are forked from it; raises what onnxruntime and its kin do."""
    config = json.loads(Path(f"{model}.json").read_text("utf-8"))
    graph = onnx.load(str(model))
    noises = _prepare(graph.graph)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return PiperVoice(session=session, config=PiperConfig.from_dict(config)), noises


# What turns words into phonemes keeps its state in the process.
_phonemizing = threading.Lock()


class PiperModel:
    """A loaded voice that speaks as it was chosen to, in several threads at once if need be."""

    def __init__(self, choice: PiperChoice) -> None:
        self._voice, self._noises = load(choice.model)
        self._choice = choice

    @property
    def sample_rate(self) -> int:
        """Samples a second, in Hz."""
        return int(self._voice.config.sample_rate)

    def speak(self, sentence: str) -> bytes:
        """Speak a sentence: mono signed 16-bit little-endian samples, the same for the same sentence every time."""
        seed = hashlib.sha256(sentence.encode()).digest()
        with _phonemizing:
            phrases = list(self._voice.phonemize(sentence))
        parts = [self._run(phonemes, seed, place) for place, phonemes in enumerate(phrases)]
        return b"".join(parts)

    def _run(self, phonemes: list[str], seed: bytes, place: int) -> bytes:
        if not phonemes:
            return b""
        identifiers = self._voice.phonemes_to_ids(phonemes)
        inputs = {
            "input": np.array([identifiers], dtype=np.int64),
            "input_lengths": np.array([len(identifiers)], dtype=np.int64),
            "scales": self._scales(),
        }
        if self._voice.config.num_speakers > 1:
            inputs["sid"] = np.array([self._choice.speaker or 0], dtype=np.int64)
        frames = _FRAMES_AT_LEAST + _FRAMES_A_PHONEME * len(identifiers)
        while True:
            noise = dict(self._drawn(seed, place, frames))
            try:
                (samples, *_) = self._voice.session.run(None, inputs | noise)
            except onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException:
                # The speech is longer than its noise: how long it is, only the model itself can tell.
                frames *= 2
                if frames > _FRAMES_AT_MOST:
                    raise
            else:
                loudest = np.clip(samples.squeeze() * 32767.0, -32767.0, 32767.0)
                return bytes(loudest.astype("<i2").tobytes())

    def _scales(self) -> np.ndarray:
        config, choice = self._voice.config, self._choice
        scales = (
            config.noise_scale if choice.noise_scale is None else choice.noise_scale,
            config.length_scale if choice.length_scale is None else choice.length_scale,
            config.noise_w_scale if choice.noise_w_scale is None else choice.noise_w_scale,
        )
        if not self._noises:
            scales = (0.0, scales[1], 0.0)
        return np.array(scales, dtype=np.float32)

    def _drawn(self, seed: bytes, place: int, frames: int) -> Iterator[tuple[str, np.ndarray]]:
        # Time is drawn first, so that a longer draw begins with the shorter one.
        for number, noise in enumerate(self._noises):
            generator = np.random.default_rng([*seed, place, number])
            drawn = generator.standard_normal((frames, noise.channels), dtype=np.float32)
            yield noise.name, np.ascontiguousarray(drawn.T)[np.newaxis]


def _prepare(graph: onnx.GraphProto) -> list[_Noise]:
    """Rewrite a model whose nodes bear the names that Piper's exporter gives them.

    Another model stays as it is and returns no noises: it must then speak without variation to be repeatable.
    """
    names = {node.name for node in graph.node}
    if not {_FIRST_CONVOLUTION, _LAST_NODE} <= names:
        return []
    channels = _decoder_channels(graph)
    _flatten_decoder(graph)
    return _noise_inputs(graph, channels)


def _noise_inputs(graph: onnx.GraphProto, decoder_channels: int) -> list[_Noise]:
    """Turn each random node into an input that is cut, inside the graph, to the shape the node would have had."""
    noises: list[_Noise] = []
    nodes = []
    for node in graph.node:
        if node.op_type != "RandomNormalLike":
            nodes.append(node)
            continue
        drawn = node.output[0]
        # The duration predictor draws two channels, the decoder's input as many as its first convolution takes.
        noise = _Noise(f"noise_{len(noises)}", 2 if node.name.startswith("/dp/") else decoder_channels)
        noises.append(noise)
        graph.input.append(helper.make_tensor_value_info(noise.name, onnx.TensorProto.FLOAT, [1, noise.channels, None]))
        graph.initializer.append(numpy_helper.from_array(np.zeros(3, dtype=np.int64), f"{drawn}_start"))
        nodes.append(helper.make_node("Shape", [node.input[0]], [f"{drawn}_shape"]))
        nodes.append(helper.make_node("Slice", [noise.name, f"{drawn}_start", f"{drawn}_shape"], [drawn]))
    _replace_nodes(graph, nodes)
    return noises


def _decoder_channels(graph: onnx.GraphProto) -> int:
    weights = {tensor.name: tensor for tensor in graph.initializer}
    first = next(node for node in graph.node if node.name == _FIRST_CONVOLUTION)
    return int(weights[first.input[1]].dims[1])


def _flatten_decoder(graph: onnx.GraphProto) -> None:
    """Give the decoder a height of 1: one axis is put in before its first convolution and taken out at its end."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for node in graph.node:
        if not node.name.startswith(_DECODER):
            nodes.append(node)
            continue
        if node.op_type in {"Conv", "ConvTranspose"}:
            _widen(node, weights[node.input[1]])
        if node.name == _FIRST_CONVOLUTION:
            nodes.append(helper.make_node("Unsqueeze", [node.input[0], _HEIGHT_AXIS], ["declaim_decoder_input"]))
            node.input[0] = "declaim_decoder_input"
        nodes.append(node)
        if node.name == _LAST_NODE:
            speech = node.output[0]
            node.output[0] = "declaim_decoder_output"
            nodes.append(helper.make_node("Squeeze", ["declaim_decoder_output", _HEIGHT_AXIS], [speech]))
    graph.initializer.append(numpy_helper.from_array(np.array([2], dtype=np.int64), _HEIGHT_AXIS))
    _replace_nodes(graph, nodes)


def _widen(node: onnx.NodeProto, weight: onnx.TensorProto) -> None:
    weight.CopyFrom(numpy_helper.from_array(np.expand_dims(numpy_helper.to_array(weight), 2), weight.name))
    for attribute in node.attribute:
        sizes = list(attribute.ints)
        if attribute.name in {"dilations", "kernel_shape", "strides", "output_padding"}:
            attribute.ints[:] = [1 if attribute.name != "output_padding" else 0, *sizes]
        elif attribute.name == "pads":
            attribute.ints[:] = [0, sizes[0], 0, sizes[1]]


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    # The shapes noted for the old nodes would contradict the new ones.
    del graph.value_info[:]
    del graph.node[:]
    graph.node.extend(nodes)
