import ModelGraph

/// Small graphs with contents that any mistake changes.
public enum SampleGraph {
    /// Bytes that differ from position to position; floats among them stay whatever they are, NaN included.
    public static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    public static func tensor(_ name: String, _ dtype: DType, _ dimensions: [Int], seed: UInt64 = 1) throws -> Tensor {
        guard let shape = Shape(dimensions) else { throw GraphError.inconsistent(name, "no shape \(dimensions)") }
        guard let size = dtype.byteCount(of: shape.elementCount) else {
            throw GraphError.inconsistent(name, "no whole bytes in \(dimensions)")
        }
        var bytes = bytes(size, seed: seed)
        if dtype == .bool { bytes = bytes.map { $0 & 1 } }
        return Tensor(name: name, dense: try DenseTensor(dtype: dtype, shape: shape, bytes: OwnedBytes(bytes)))
    }

    public static func graph(_ tensors: [Tensor]) throws -> TensorGraph {
        var graph = TensorGraph()
        for tensor in tensors { try graph.append(tensor) }
        return graph
    }

    /// A metadata value of every type.
    public static var metadata: Metadata {
        var metadata = Metadata()
        metadata["a.u8"] = .uint8(255)
        metadata["a.i8"] = .int8(-128)
        metadata["a.u16"] = .uint16(65535)
        metadata["a.i16"] = .int16(-32768)
        metadata["a.u32"] = .uint32(.max)
        metadata["a.i32"] = .int32(.min)
        metadata["a.u64"] = .uint64(.max)
        metadata["a.i64"] = .int64(.min)
        metadata["a.f32"] = .float32(1e-5)
        metadata["a.f64"] = .float64(.pi)
        metadata["a.bool"] = .bool(true)
        metadata["a.string"] = .string("line\nbreak \"quoted\" \\ ü 🙂")
        metadata["a.strings"] = .array(.string, [.string(""), .string("two")])
        metadata["a.floats"] = .array(.float32, [.float32(-0.0), .float32(.infinity), .float32(3.25)])
        metadata["a.empty"] = .array(.int32, [])
        return metadata
    }

    public static let attachments = [
        Attachment(name: "config.json", bytes: Array("{\"model_type\": \"of-no-known-family\"}\n".utf8)),
        Attachment(name: "merges.txt", bytes: Array("a b\n".utf8)),
        Attachment(name: "tokenizer.model", bytes: bytes(300, seed: 9)),
    ]
}
