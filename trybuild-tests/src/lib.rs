//! Owns nothing: the programs stand in `tests/ui`, one a feature under `pass` and one a mistake under `fail`.
