/// The type of a stored element, by the names of the safetensors specification.
public enum DType: String, CaseIterable, Sendable {
    case f64 = "F64", f32 = "F32", f16 = "F16", bf16 = "BF16"
    case f8E4M3 = "F8_E4M3", f8E5M2 = "F8_E5M2"
    case i64 = "I64", i32 = "I32", i16 = "I16", i8 = "I8"
    case u64 = "U64", u32 = "U32", u16 = "U16", u8 = "U8"
    case bool = "BOOL"
    // Carried, never computed with.
    case f4 = "F4", f6E2M3 = "F6_E2M3", f6E3M2 = "F6_E3M2", f8E8M0 = "F8_E8M0"
    case f8E4M3FNUZ = "F8_E4M3FNUZ", f8E5M2FNUZ = "F8_E5M2FNUZ"
    case c64 = "C64"

    /// Bits an element; elements below a byte are packed without gaps.
    public var bitWidth: Int {
        switch self {
        case .f64, .i64, .u64, .c64: return 64
        case .f32, .i32, .u32: return 32
        case .f16, .bf16, .i16, .u16: return 16
        case .f8E4M3, .f8E5M2, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ, .i8, .u8, .bool: return 8
        case .f6E2M3, .f6E3M2: return 6
        case .f4: return 4
        }
    }

    /// Whether elements lie at bytes of their own.
    public var hasWholeBytes: Bool { bitWidth % 8 == 0 }

    /// Bytes an element. - Precondition: `hasWholeBytes`; sizes of whole tensors come from `byteCount(of:)`.
    public var byteWidth: Int { max(bitWidth / 8, 1) }

    /// Bytes of that many elements; nil when they are no whole bytes or do not fit in 63 bits.
    public func byteCount(of elements: Int) -> Int? {
        if hasWholeBytes {
            let (bytes, overflow) = elements.multipliedReportingOverflow(by: bitWidth / 8)
            return overflow ? nil : bytes
        }
        let (bits, overflow) = elements.multipliedReportingOverflow(by: bitWidth)
        return overflow || bits % 8 != 0 ? nil : bits / 8
    }

    /// Whether elements are floating-point numbers.
    public var isFloat: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16, .f8E4M3, .f8E5M2, .f4, .f6E2M3, .f6E3M2, .f8E8M0, .f8E4M3FNUZ, .f8E5M2FNUZ: return true
        default: return false
        }
    }

    /// Whether elements can be read as `Float` and written from it: what passes and casts compute with.
    public var isComputable: Bool {
        switch self {
        case .f64, .f32, .f16, .bf16, .f8E4M3, .f8E5M2: return true
        default: return false
        }
    }

    /// The dtype that `name` spells in any case ("bf16", "BF16").
    public init?(name: String) { self.init(rawValue: name.uppercased()) }
}
