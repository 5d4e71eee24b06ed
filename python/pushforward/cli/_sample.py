"""Text written by a trained model, one character at a time."""

from __future__ import annotations

from typing import Any

import numpy as np


def sample_text(model: Any, alphabet: list[str], length: int, *, prompt: str = "\n", temperature: float = 1.0, seed: int = 0) -> str:
    """Draw ``length`` characters after ``prompt``, from a fresh state; characters of the prompt that the model does not know are skipped.

    p(character) ∝ p_model(character)^(1 / temperature). The state of ``model`` moves; its weights do not.
    """
    rng = np.random.default_rng(seed)
    tokens = [alphabet.index(c) for c in prompt if c in alphabet] or [0]
    model.reset_state()
    for token in tokens[:-1]:
        model.predict_proba_one(token, advance=True)
    token, text = tokens[-1], []
    for _ in range(length):
        p = np.asarray(model.predict_proba_one(token, advance=True), dtype=np.float64).reshape(-1)
        logits = np.log(np.maximum(p, np.finfo(np.float64).tiny)) / temperature
        weights = np.exp(logits - logits.max())
        token = int(rng.choice(len(weights), p=weights / weights.sum()))
        text.append(alphabet[token])
    return "".join(text)
