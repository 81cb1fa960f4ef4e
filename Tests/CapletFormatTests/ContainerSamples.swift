import LinearAlgebra
import ModelGraph
import TestSupport

/// Graphs with every payload that the container can hold.
enum ContainerSamples {
    static func noise(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
        let bytes = SampleGraph.bytes(count * 4, seed: seed)
        return (0..<count).map { i in
            (0..<4).reduce(Float(0)) { $0 + Float(bytes[4 * i + $1]) - 127.5 } / 300 * scale
        }
    }

    static func dense(_ rows: Int, _ columns: Int, _ dtype: DType, seed: UInt64) throws -> Payload {
        .dense(try DenseTensor(floats: noise(rows * columns, seed: seed), shape: Shape(rows: rows, columns: columns), dtype: dtype))
    }

    static func quantized(
        _ shape: Shape, bits: Int, groupSize: Int, isSymmetric: Bool = true, hasColumnScales: Bool = false, seed: UInt64
    ) throws -> Payload {
        let half = Float(1 << (bits - 1))
        let codes = noise(shape.elementCount, seed: seed, scale: half / 2).map { value -> UInt8 in
            let code = Int(max(-half, min(half - 1, value.rounded())))
            return isSymmetric ? UInt8(bitPattern: Int8(code)) : UInt8(code + Int(half))
        }
        let groups = shape.elementCount == 0 ? 0 : shape.rows * QuantizedTensor.groupsPerRow(columns: shape.columns, groupSize: groupSize)
        let scales = try DenseTensor(floats: noise(groups, seed: seed + 1), shape: Shape(count: groups), dtype: .f16)
        let zeros = isSymmetric ? nil : OwnedBytes((0..<groups).map { UInt8($0 % (1 << bits)) })
        let columns =
            hasColumnScales
            ? try DenseTensor(floats: noise(shape.columns, seed: seed + 2), shape: Shape(count: shape.columns), dtype: .bf16) : nil
        return .quantized(
            try QuantizedTensor(
                shape: shape, bits: bits, groupSize: groupSize, codes: OwnedBytes(codes), scales: scales, zeroPoints: zeros,
                columnScales: columns))
    }

    /// Codes whose magnitudes differ by row and by column, as those of a pass do: of one quantiser, or levels of the trellis in SPEC.md.
    static func adaptive(_ count: Int, columns: Int, scale: Float, isTrellis: Bool) -> [UInt8] {
        var state = 0
        return noise(count, seed: 12).enumerated().map { place, value in
            let (row, column) = (place / columns, place % columns)
            let size = value * scale * (0.25 + Float(row % 5) / 2) * (0.25 + Float(column % 7) / 3)
            guard isTrellis else { return UInt8(bitPattern: Int8(max(-128, min(127, size.rounded())))) }
            if column == 0 { state = 0 }
            let index = Int(max(-63, min(63, size.rounded())))
            let level = state / 2 % 2 == 1 ? 2 * index - index.signum() : 2 * index
            state = 2 * state % 8 + (abs(index) + state.nonzeroBitCount) % 2
            return UInt8(bitPattern: Int8(level))
        }
    }

    static func pattern(_ rows: Int, _ columns: Int, every step: Int) throws -> SparsePattern {
        let perRow = SparsePattern.wordsPerRow(columns: columns)
        var words = [UInt64](repeating: 0, count: rows * perRow)
        var count = 0
        for element in 0..<rows * columns where (element &* 2_654_435_761 >> 8) % step == 0 {
            words[element / columns * perRow + element % columns / 64] |= 1 << UInt64(element % columns % 64)
            count += 1
        }
        return try SparsePattern(rows: rows, columns: columns, nonZeroCount: count, words: OwnedBytes(elements: words.map(\.littleEndian)))
    }

    static func everyPayload() throws -> TensorGraph {
        func sparse(_ pattern: SparsePattern, _ values: Payload) throws -> Payload {
            .sparse(try SparseTensor(pattern: pattern, values: values))
        }
        func vector(_ count: Int, _ dtype: DType) throws -> Payload {
            .dense(try DenseTensor(floats: noise(count, seed: 5), shape: Shape(count: count), dtype: dtype))
        }
        let half = try pattern(40, 70, every: 2), rare = try pattern(40, 70, every: 300), words = try pattern(8, 128, every: 9)
        let none = try SparsePattern(rows: 6, columns: 5, nonZeroCount: 0, words: OwnedBytes([UInt8](repeating: 0, count: 48)))
        let lowRank = try Payload.lowRank(
            LowRankTensor(
                u: quantized(Shape(rows: 40, columns: 3), bits: 8, groupSize: 3, seed: 1),
                v: quantized(Shape(rows: 3, columns: 70), bits: 4, groupSize: 32, isSymmetric: false, seed: 2)))
        func coded(isTrellis: Bool) throws -> Payload {
            .quantized(
                try QuantizedTensor(
                    shape: Shape(rows: 30, columns: 50), bits: 8, groupSize: 50,
                    codes: OwnedBytes(adaptive(1500, columns: 50, scale: 2, isTrellis: isTrellis)),
                    scales: DenseTensor(floats: noise(30, seed: 14), shape: Shape(count: 30), dtype: .bf16), zeroPoints: nil))
        }
        let codes = try quantized(Shape(count: half.nonZeroCount), bits: 3, groupSize: 64, seed: 3)
        let payloads: [(String, Payload)] = try [
            ("dense", dense(40, 70, .bf16, seed: 4)),
            ("lowRank", lowRank),
            ("rank0", .lowRank(LowRankTensor(u: dense(4, 0, .f16, seed: 1), v: dense(0, 9, .f16, seed: 1)))),
            ("sparse.half", sparse(half, vector(half.nonZeroCount, .f16))),
            ("sparse.rare", sparse(rare, vector(rare.nonZeroCount, .f32))),
            ("sparse.words", sparse(words, vector(words.nonZeroCount, .bf16))),
            ("sparse.none", sparse(none, vector(0, .f16))),
            ("composite", .composite([lowRank, sparse(half, codes)])),
            ("int8", quantized(Shape(rows: 16, columns: 100), bits: 8, groupSize: 32, seed: 6)),
            ("int2", quantized(Shape(rows: 16, columns: 100), bits: 2, groupSize: 100, seed: 7)),
            ("uint5", quantized(Shape(rows: 16, columns: 100), bits: 5, groupSize: 7, isSymmetric: false, seed: 8)),
            ("int4.columns", quantized(Shape(rows: 16, columns: 100), bits: 4, groupSize: 100, hasColumnScales: true, seed: 10)),
            ("codes", coded(isTrellis: false)),
            ("codes.trellis", coded(isTrellis: true)),
            ("quantized.empty", quantized(Shape(rows: 0, columns: 8), bits: 4, groupSize: 4, seed: 9)),
        ]
        var graph = TensorGraph()
        for (name, payload) in payloads {
            try graph.append(Tensor(name: name, shape: payload.shape, dtype: .bf16, role: .linear, payload: payload))
        }
        try graph.append(SampleGraph.tensor("scalar", .f64, []))
        try graph.append(SampleGraph.tensor("empty", .i64, [3, 0, 2]))
        graph.ties = [Tie(name: "head", target: "dense")]
        return graph
    }

    /// Everything about a payload as text: shapes, counts, the bytes of each part.
    static func describe(_ payload: Payload) throws -> String {
        func text(_ source: any ByteSource) throws -> String {
            try source.withUnsafeBytes { "\($0.count):" + String($0.reduce(UInt64(7)) { ($0 &* 1_099_511_628_211) ^ UInt64($1) }) }
        }
        switch payload {
        case .dense(let tensor): return "\(tensor.dtype.rawValue)\(tensor.shape)(\(try text(tensor.bytes)))"
        case .blocks(let tensor): return "\(tensor.codec.name)\(tensor.shape)(\(try text(tensor.bytes)))"
        case .lowRank(let tensor): return "lowRank(\(try describe(tensor.u)), \(try describe(tensor.v)))"
        case .sparse(let tensor):
            return
                "sparse[\(tensor.pattern.rows), \(tensor.pattern.columns)](\(try text(tensor.pattern.words)), \(try describe(tensor.values)))"
        case .quantized(let tensor):
            let zeros = try tensor.zeroPoints.map(text) ?? "-"
            let columns = try tensor.columnScales.map { try describe(.dense($0)) } ?? "-"
            return
                "q\(tensor.bits)/\(tensor.groupSize)\(tensor.shape)(\(try text(tensor.codes)), \(try describe(.dense(tensor.scales))), \(zeros), \(columns))"
        case .composite(let terms): return "sum(\(try terms.map(describe).joined(separator: ", ")))"
        }
    }
}
