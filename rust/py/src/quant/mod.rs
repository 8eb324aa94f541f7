//! Bindings of `paretoserve_core::quant`; documented in `python/paretoserve/quant`.

/// Run `$body` with `$S` standing for the wide float format called `$dtype`:
/// `by_float!(py, dtype, S => run::<S>(py, out, x))`.
#[allow(unused_macros, reason = "the first binding that reads floats uses it")]
macro_rules! by_float {
    ($py:expr, $dtype:expr, $S:ident => $body:expr) => {
        match $dtype {
            "float32" => {
                type $S = paretoserve_core::quant::F32;
                $body
            }
            "float16" => {
                type $S = paretoserve_core::quant::F16;
                $body
            }
            "bfloat16" => {
                type $S = paretoserve_core::quant::Bf16;
                $body
            }
            other => Err($crate::errors::raise(
                $py,
                "DtypeError",
                format!("array must be float32, float16 or bfloat16, got {other}"),
            )),
        }
    };
}
#[allow(unused_imports, reason = "as above")]
pub(crate) use by_float;

pub(crate) mod gguf;
