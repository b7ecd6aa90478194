//! Owns how the fields of a configuration are reached by name. Never reads a file or the environment.

/// One field of a configuration.
pub trait Setting {
    /// Takes the value that `text` says.
    ///
    /// # Errors
    /// What is wrong with the text.
    fn set(&mut self, text: &str) -> Result<(), String>;

    /// The present value as text.
    fn get(&self) -> String;
}

macro_rules! numbers {
    ($($number:ident),*) => {$(
        impl Setting for $number {
            fn set(&mut self, text: &str) -> Result<(), String> {
                let digits = text.trim().replace('_', "");
                *self = digits.parse().map_err(|_| format!("is not a whole number from 0 to {}", $number::MAX))?;
                Ok(())
            }

            fn get(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64);

/// A configuration whose fields can be reached by name.
pub trait Settings {
    /// Shows every setting, in the order of the fields, with its path below `prefix`: `net.frame_bytes_max`.
    fn each(&mut self, prefix: &str, show: &mut dyn FnMut(&str, &mut dyn Setting));
}

/// Implements [`Settings`] for a struct: its fields, and those that are configurations themselves. A field that is
/// forgotten does not compile.
#[doc(hidden)]
#[macro_export]
macro_rules! settings {
    ($type:ident { $($field:ident),* $(,)? } $(groups { $($group:ident),* $(,)? })?) => {
        impl $crate::setting::Settings for $type {
            fn each(&mut self, prefix: &str, show: &mut dyn FnMut(&str, &mut dyn $crate::setting::Setting)) {
                let Self { $($field,)* $($($group,)*)? } = self;
                $(show(&format!("{prefix}{}", stringify!($field)), $field);)*
                $($($crate::setting::Settings::each($group, &format!("{prefix}{}.", stringify!($group)), show);)*)?
            }
        }
    };
}
