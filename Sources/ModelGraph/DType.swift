/// The type of a stored element, by the names of the safetensors specification.
public enum DType: String, CaseIterable, Sendable {
    case f64 = "F64", f32 = "F32", f16 = "F16", bf16 = "BF16"
    case f8E4M3 = "F8_E4M3", f8E5M2 = "F8_E5M2"
    case i64 = "I64", i32 = "I32", i16 = "I16", i8 = "I8"
    case u64 = "U64", u32 = "U32", u16 = "U16", u8 = "U8"
    case bool = "BOOL"

    /// Bytes an element.
    public var byteWidth: Int {
        switch self {
        case .f64, .i64, .u64: return 8
        case .f32, .i32, .u32: return 4
        case .f16, .bf16, .i16, .u16: return 2
        case .f8E4M3, .f8E5M2, .i8, .u8, .bool: return 1
        }
    }

    /// Whether elements are floating-point numbers.
    public var isFloat: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16, .f8E4M3, .f8E5M2: return true
        default: return false
        }
    }

    /// Whether elements can be read as `Float` and written from it: what passes and casts compute with.
    public var isComputable: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16: return true
        default: return false
        }
    }

    /// The dtype that `name` spells in any case ("bf16", "BF16").
    public init?(name: String) { self.init(rawValue: name.uppercased()) }
}
