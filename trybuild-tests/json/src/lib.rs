//! Owns nothing: the programs stand in `tests/ui`, one a feature under `pass` and one a mistake under `fail`. They are apart from the others,
//! which are built without the feature.
