"""The wav2vec2 aligner of a hospital that has one: a small untrained network stands in, so only the way is tested."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workers.contracts import SpokenError

LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghijklmnopqrstuvwxyz'"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, no_network: None) -> Path:
    import torch
    from transformers import (
        Wav2Vec2Config,
        Wav2Vec2CTCTokenizer,
        Wav2Vec2FeatureExtractor,
        Wav2Vec2ForCTC,
        Wav2Vec2Processor,
    )

    path = tmp_path_factory.mktemp("aligner")
    (path / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(LETTERS)}))
    torch.manual_seed(0)
    network = Wav2Vec2Config(
        vocab_size=len(LETTERS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8,) * 7, num_feat_extract_layers=7, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2,
        pad_token_id=0,
    )  # fmt: skip
    Wav2Vec2ForCTC(network).save_pretrained(path)
    tokenizer = Wav2Vec2CTCTokenizer(str(path / "vocab.json"), pad_token="<pad>", word_delimiter_token="|")
    Wav2Vec2Processor(Wav2Vec2FeatureExtractor(), tokenizer).save_pretrained(path)
    return path


def test_words_come_back_in_order_within_their_segment(folder: Path) -> None:
    from workers.understand.aligner import Aligner

    samples = np.random.default_rng(0).normal(0, 0.1, 5 * 16_000).astype(np.float32)
    segment = {"text": "open the window in 5 minutes", "start": 1.0, "end": 4.0}
    words = Aligner(folder, "cpu").words(segment, samples, "en")
    assert [word.text for word in words] == segment["text"].split()
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert times[0] >= 1.0
    assert times[-1] <= 4.05
    assert all(0 <= word.confidence <= 1 for word in words)


def test_a_folder_without_an_aligner_is_said_plainly(tmp_path: Path, no_network: None) -> None:
    from workers.understand.aligner import Aligner

    with pytest.raises(SpokenError) as raised:
        Aligner(tmp_path, "cpu")
    assert raised.value.code == "aligner_unreadable"
