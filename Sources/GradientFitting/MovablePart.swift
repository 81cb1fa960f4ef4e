import Execution
import LinearAlgebra
import ModelGraph

/// A part of a compressed matrix that may move: floats, or codes or blocks that stay while their scales move.
///
/// Of codes and blocks the values that move are factors of the scales, 1 at the start: so a step means the same for a large scale and a
/// small one.
public struct MovablePart {
    /// As it is stored.
    let payload: Payload
    /// The tensor's, for errors.
    private let name: String
    /// Where its floats, or the factors of its groups' scales [rows × groups] or of its blocks' halves [blocks × halves], are among the values.
    public let range: Range<Int>
    /// Where the factors of its columns' scales are; of no length without such.
    let columns: Range<Int>

    /// How many values of a payload may move; 0 for none.
    ///
    /// - Parameter movesScales: whether those of codes count.
    static func count(_ payload: Payload, movesScales: Bool) -> Int {
        switch payload {
        case .dense(let dense): return dense.shape.elementCount
        case .quantized(let codes) where movesScales: return codes.scales.shape.elementCount + columnCount(codes)
        case .blocks(let blocks) where movesScales: return blocks.halfCount
        default: return 0
        }
    }

    private static func columnCount(_ codes: QuantizedTensor) -> Int { codes.columnScales?.shape.elementCount ?? 0 }

    /// Takes the next values for a payload that may move.
    ///
    /// - Parameters:
    ///   - next: the first value that is free.
    ///   - name: the tensor's.
    /// - Throws: `GraphError.notFinite`, and what reading the payload throws.
    init(_ payload: Payload, in values: FloatBuffer, from next: Int, name: String) throws {
        (self.payload, self.name) = (payload, name)
        let found = try payload.densifiedFloats()
        guard found.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(name)'") }
        switch payload {
        case .quantized(let codes):
            range = next..<next + codes.scales.shape.elementCount
            columns = range.upperBound..<range.upperBound + MovablePart.columnCount(codes)
        case .blocks(let blocks):
            range = next..<next + blocks.halfCount
            columns = range.upperBound..<range.upperBound
        default:
            range = next..<next + found.count
            columns = range.upperBound..<range.upperBound
            for (slot, value) in found.enumerated() { values.floats[next + slot] = value }
            return
        }
        for slot in next..<columns.upperBound { values.floats[slot] = 1 }
    }

    /// What a step is multiplied by: factors of codes' scales, of which each has many values to answer for, go further; blocks' have few.
    var step: Float { if case .quantized = payload { return 3 } else { return 1 } }

    /// What moves together: floats, factors of groups, factors of columns.
    var ranges: [Range<Int>] { columns.isEmpty ? [range] : [range, columns] }

    /// The part's floats, row by row.
    func floats(_ values: FloatBuffer) throws -> [Float] {
        switch payload {
        case .quantized(let codes): return try scaled(codes, values, dtype: .f32).densifiedFloats()
        case .blocks(let blocks): return try floats(blocks, values)
        default: return Array(values.floats[range])
        }
    }

    /// Σ f·p of each block's halves with factors f, p the parts of the elements that are proportional to them.
    private func floats(_ blocks: BlockTensor, _ values: FloatBuffer) throws -> [Float] {
        let (halves, size) = (blocks.codec.halves.count, blocks.codec.elementsPerBlock)
        var sum = [Float](repeating: 0, count: blocks.shape.elementCount)
        for half in 0..<halves {
            for (place, part) in try blocks.part(ofHalf: half).enumerated() {
                sum[place] += values.floats[range.lowerBound + place / size * halves + half] * part
            }
        }
        return sum
    }

    /// Gradients of the values, from that of the floats. For w = f·h·s·(code − zero) of a group with factor f in a column with factor h:
    /// ∂/∂f = Σ g·w/f over the group, ∂/∂h = Σ g·w/h over the column. For w = Σ f·p of a block's halves ∂/∂f = Σ g·p over the block.
    func gradients(_ gradient: [Float], _ values: FloatBuffer) throws -> [(Range<Int>, [Float])] {
        switch payload {
        case .quantized(let codes): return try gradients(gradient, codes, values)
        case .blocks(let blocks): return [(range, try gradients(gradient, blocks))]
        default: return [(range, gradient)]
        }
    }

    private func gradients(_ gradient: [Float], _ blocks: BlockTensor) throws -> [Float] {
        let (halves, size) = (blocks.codec.halves.count, blocks.codec.elementsPerBlock)
        var sums = [Double](repeating: 0, count: range.count)
        for half in 0..<halves {
            for (place, part) in try blocks.part(ofHalf: half).enumerated() {
                sums[place / size * halves + half] += Double(gradient[place]) * Double(part)
            }
        }
        return sums.map { Float($0) }
    }

    private func gradients(_ gradient: [Float], _ codes: QuantizedTensor, _ values: FloatBuffer) throws -> [(Range<Int>, [Float])] {
        let (n, groups, size) = (codes.shape.columns, codes.groupsPerRow, codes.groupSize)
        var ofGroups = [Double](repeating: 0, count: range.count)
        var ofColumns = [Double](repeating: 0, count: columns.count)
        let floats = try floats(values)
        for row in 0..<(n == 0 ? 0 : floats.count / n) {
            for column in 0..<n {
                let product = Double(gradient[row * n + column]) * Double(floats[row * n + column])
                ofGroups[row * groups + column / size] += product
                if !columns.isEmpty { ofColumns[column] += product }
            }
        }
        func quotients(_ sums: [Double], _ range: Range<Int>) -> [Float] {
            zip(sums, range).map { sum, slot in values.floats[slot] == 0 ? 0 : Float(sum / Double(values.floats[slot])) }
        }
        let first = (range, quotients(ofGroups, range))
        return columns.isEmpty ? [first] : [first, (columns, quotients(ofColumns, columns))]
    }

    /// The part with other values, stored as it was.
    func payload(_ values: FloatBuffer) throws -> Payload {
        switch payload {
        case .dense(let dense): return .dense(try DenseTensor(floats: Array(values.floats[range]), shape: dense.shape, dtype: dense.dtype))
        case .quantized(let codes): return try scaled(codes, values, dtype: nil)
        case .blocks(let blocks): return .blocks(try blocks.scalingHalves(by: values.floats[range], name: name))
        default: return payload
        }
    }

    /// - Parameter dtype: of the scales; nil for the one that they have.
    private func scaled(_ codes: QuantizedTensor, _ values: FloatBuffer, dtype: DType?) throws -> Payload {
        func scaled(_ scales: DenseTensor, _ factors: Range<Int>) throws -> DenseTensor {
            let floats = zip(try Payload.dense(scales).densifiedFloats(), factors).map { $0 * values.floats[$1] }
            return try DenseTensor(floats: floats, shape: scales.shape, dtype: dtype ?? scales.dtype)
        }
        return .quantized(
            try QuantizedTensor(
                shape: codes.shape, bits: codes.bits, groupSize: codes.groupSize, codes: codes.codes, scales: scaled(codes.scales, range),
                zeroPoints: codes.zeroPoints, columnScales: try codes.columnScales.map { try scaled($0, columns) }))
    }
}
