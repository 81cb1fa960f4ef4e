import FormatKit
import ModelGraph

/// How a tensor's elements are encoded, by ggml's numbers.
enum GGUFTensorType: Equatable {
    case plain(DType)
    case q8_0
    case blocks(BlockCodec)

    private static let plainTypes: [(number: UInt32, dtype: DType)] = [
        (0, .f32), (1, .f16), (24, .i8), (25, .i16), (26, .i32), (27, .i64), (28, .f64), (30, .bf16),
    ]
    /// Block types beside Q8_0, with llama.cpp's `general.file_type` for a file that is mostly of them.
    private static let blockTypes: [(number: UInt32, codec: BlockCodec, fileType: UInt32)] = [
        (2, .q4_0, 2), (3, .q4_1, 3), (6, .q5_0, 8), (7, .q5_1, 9), (10, .q2_K, 10), (11, .q3_K, 12), (12, .q4_K, 15),
        (13, .q5_K, 17), (14, .q6_K, 18), (16, .iq2_xxs, 19), (17, .iq2_xs, 20), (18, .iq3_xxs, 23), (19, .iq1_s, 24),
        (20, .iq4_nl, 25), (21, .iq3_s, 26), (22, .iq2_s, 28), (23, .iq4_xs, 30), (29, .iq1_m, 31), (34, .tq1_0, 36), (35, .tq2_0, 37),
        (39, .mxfp4, 38), (40, .nvfp4, 39),
    ]
    /// Types that files have and we do not carry.
    private static let otherNames: [UInt32: String] = [9: "Q8_1", 15: "Q8_K", 41: "Q1_0"]
    /// What a file can have, for messages.
    private static var readableNames: String {
        (plainTypes.map(\.dtype.rawValue) + ["Q8_0"] + blockTypes.map(\.codec.name)).joined(separator: ", ")
    }

    /// - Throws: `FormatError.unsupported` with the type's name, or its number where it has none.
    init(number: UInt32, path: String, object: String) throws {
        if number == 8 {
            self = .q8_0
        } else if let plain = GGUFTensorType.plainTypes.first(where: { $0.number == number }) {
            self = .plain(plain.dtype)
        } else if let blocks = GGUFTensorType.blockTypes.first(where: { $0.number == number }) {
            self = .blocks(blocks.codec)
        } else {
            let name = GGUFTensorType.otherNames[number] ?? "number \(number), which ggml does not have"
            throw FormatError.unsupported(path, object, "is of ggml type \(name); these can be read: \(GGUFTensorType.readableNames)")
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
        case .blocks(let codec): return GGUFTensorType.blockTypes.first { $0.codec == codec }?.number ?? .max
        case .plain(let dtype): return GGUFTensorType.plainTypes.first { $0.dtype == dtype }?.number ?? .max
        }
    }

    var name: String {
        switch self {
        case .q8_0: return "Q8_0"
        case .blocks(let codec): return codec.name
        case .plain(let dtype): return dtype.rawValue
        }
    }

    /// What elements of the type are as a graph's dtype: F32 is what blocks decode to.
    var dtype: DType {
        switch self {
        case .q8_0, .blocks: return .f32
        case .plain(let dtype): return dtype
        }
    }

    /// Bytes of a tensor; nil when they do not fit in 63 bits or rows are no whole blocks.
    func byteCount(_ shape: Shape) -> Int? {
        let (unit, width): (Int, Int)
        switch self {
        case .q8_0:
            guard shape.columns % Q8_0Blocks.elements == 0 else { return nil }
            (unit, width) = (Q8_0Blocks.elements, Q8_0Blocks.byteCount)
        case .blocks(let codec): return codec.byteCount(shape)
        case .plain(let dtype): (unit, width) = (1, dtype.byteWidth)
        }
        let (count, overflow) = (shape.elementCount / unit).multipliedReportingOverflow(by: width)
        return overflow ? nil : count
    }

    /// llama.cpp's number for a file that is mostly of this type: 0 where it has none.
    var fileType: UInt32 {
        switch self {
        case .plain(.f16): return 1
        case .plain(.bf16): return 32
        case .plain: return 0
        case .q8_0: return 7
        case .blocks(let codec): return GGUFTensorType.blockTypes.first { $0.codec == codec }?.fileType ?? 0
        }
    }
}
