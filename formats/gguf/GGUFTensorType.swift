import FormatKit
import ModelGraph

/// How a tensor's elements are encoded, by ggml's numbers.
enum GGUFTensorType: Equatable {
    case plain(DType)
    case q8_0

    /// Elements and bytes of a block of Q8_0.
    static let q8_0Elements = 32
    static let q8_0Bytes = 34

    private static let plainTypes: [(number: UInt32, dtype: DType)] = [
        (0, .f32), (1, .f16), (24, .i8), (25, .i16), (26, .i32), (27, .i64), (28, .f64), (30, .bf16),
    ]
    /// Types that files have and we do not carry.
    private static let otherNames: [UInt32: String] = [
        2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K",
        15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S",
        23: "IQ4_XS", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]

    /// - Throws: `FormatError.unsupported` with the type's name, or its number where it has none.
    init(number: UInt32, path: String, object: String) throws {
        if number == 8 {
            self = .q8_0
        } else if let plain = GGUFTensorType.plainTypes.first(where: { $0.number == number }) {
            self = .plain(plain.dtype)
        } else {
            let name = GGUFTensorType.otherNames[number] ?? "number \(number), which ggml does not have"
            throw FormatError.unsupported(path, object, "is of ggml type \(name); F32, F16, BF16, F64, I8, I16, I32, I64 and Q8_0 can be read")
        }
    }

    /// Nil for a dtype that ggml lacks.
    init?(_ dtype: DType) {
        guard GGUFTensorType.plainTypes.contains(where: { $0.dtype == dtype }) else { return nil }
        self = .plain(dtype)
    }

    var number: UInt32 {
        switch self {
        case .q8_0: return 8
        case .plain(let dtype): return GGUFTensorType.plainTypes.first { $0.dtype == dtype }?.number ?? .max
        }
    }

    var name: String {
        switch self {
        case .q8_0: return "Q8_0"
        case .plain(let dtype): return dtype.rawValue
        }
    }

    /// What elements of the type are as a graph's dtype: F32 holds every Q8_0 value exactly.
    var dtype: DType {
        switch self {
        case .q8_0: return .f32
        case .plain(let dtype): return dtype
        }
    }

    /// Bytes of a tensor; nil when they do not fit in 63 bits or rows are no whole blocks.
    func byteCount(_ shape: Shape) -> Int? {
        let (unit, width): (Int, Int)
        switch self {
        case .q8_0:
            guard shape.columns % GGUFTensorType.q8_0Elements == 0 else { return nil }
            (unit, width) = (GGUFTensorType.q8_0Elements, GGUFTensorType.q8_0Bytes)
        case .plain(let dtype): (unit, width) = (1, dtype.byteWidth)
        }
        let (count, overflow) = (shape.elementCount / unit).multipliedReportingOverflow(by: width)
        return overflow ? nil : count
    }
}
