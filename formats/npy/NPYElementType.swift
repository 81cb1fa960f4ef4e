import FormatKit
import ModelGraph

/// The element type of an array as its header's `descr` spells it.
struct NPYElementType: Equatable {
    let dtype: DType
    let isBigEndian: Bool
    /// Whether `descr` leaves open which type of this width it is, as `V1` does.
    let isAmbiguous: Bool

    private static let kinds: [(kind: String, dtype: DType)] = [
        ("f8", .f64), ("f4", .f32), ("f2", .f16), ("i8", .i64), ("i4", .i32), ("i2", .i16), ("i1", .i8),
        ("u8", .u64), ("u4", .u32), ("u2", .u16), ("u1", .u8), ("b1", .bool),
        // What NumPy writes for the types of ml_dtypes.
        ("V2", .bf16), ("V1", .f8E4M3), ("f1", .f8E5M2),
    ]

    /// - Throws: `FormatError.unsupported` naming any other type.
    init(descr: String, path: String, object: String) throws {
        let order = descr.first ?? "|"
        let kind = "<>|=".contains(order) ? String(descr.dropFirst()) : descr
        guard let dtype = NPYElementType.kinds.first(where: { $0.kind == kind })?.dtype else {
            let what =
                kind.hasPrefix("O") ? "Python objects, which are never loaded" : "dtype '\(descr.prefix(40))', which cannot be carried"
            throw FormatError.unsupported(path, object, "has \(what)")
        }
        self.dtype = dtype
        isBigEndian = order == ">" && dtype.byteWidth > 1
        isAmbiguous = kind == "V1"
    }

    /// Whether elements are texts or Python objects: what stands beside the weights in an archive, and is none of them.
    static func isText(descr: String) -> Bool {
        let kind = "<>|=".contains(descr.first ?? "|") ? descr.dropFirst() : descr[...]
        return ["U", "S", "a", "O"].contains(kind.prefix(1)) && kind.dropFirst().allSatisfy(\.isNumber)
    }

    /// Whether arrays of that dtype can be written, in one way or another.
    static func carries(_ dtype: DType) -> Bool { kinds.contains { $0.dtype == dtype } }

    /// The `descr` of a little-endian array; nil where NumPy has none that it can load.
    static func descr(_ dtype: DType) -> String? {
        if dtype == .f8E5M2 { return nil }
        guard let kind = kinds.first(where: { $0.dtype == dtype })?.kind else { return nil }
        return (dtype.byteWidth == 1 ? "|" : "<") + kind
    }

    /// What `np.save` writes for ml_dtypes' float8_e5m2, and `np.load` refuses.
    static let float8E5M2 = "<f1"
}
