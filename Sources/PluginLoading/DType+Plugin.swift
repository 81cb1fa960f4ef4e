import CCapletPlugin
import ModelGraph

extension DType {
    /// By the numbers of caplet_plugin.h.
    private static let pluginNumbers: [(DType, Int)] = [
        (.f64, CAPLET_F64), (.f32, CAPLET_F32), (.f16, CAPLET_F16), (.bf16, CAPLET_BF16), (.f8E4M3, CAPLET_F8_E4M3),
        (.f8E5M2, CAPLET_F8_E5M2), (.i64, CAPLET_I64), (.i32, CAPLET_I32), (.i16, CAPLET_I16), (.i8, CAPLET_I8),
        (.u64, CAPLET_U64), (.u32, CAPLET_U32), (.u16, CAPLET_U16), (.u8, CAPLET_U8), (.bool, CAPLET_BOOL), (.f4, CAPLET_F4),
        (.f6E2M3, CAPLET_F6_E2M3), (.f6E3M2, CAPLET_F6_E3M2), (.f8E8M0, CAPLET_F8_E8M0), (.f8E4M3FNUZ, CAPLET_F8_E4M3FNUZ),
        (.f8E5M2FNUZ, CAPLET_F8_E5M2FNUZ), (.c64, CAPLET_C64),
    ].map { ($0, Int($1)) }

    /// Nil for a number that stands for no dtype.
    init?(plugin number: caplet_dtype) {
        guard let dtype = DType.pluginNumbers.first(where: { $0.1 == Int(number) })?.0 else { return nil }
        self = dtype
    }

    var pluginNumber: caplet_dtype { caplet_dtype(DType.pluginNumbers.first { $0.0 == self }?.1 ?? 0) }
}
