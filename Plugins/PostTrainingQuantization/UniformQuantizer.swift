import ModelGraph

/// Rounds groups of elements to uniformly spaced levels, the step chosen to leave the least squared error.
///
/// Symmetric: value = scale · code with codes −2^(b−1) … 2^(b−1)−1. Asymmetric: value = scale · (code − zeroPoint) with codes
/// 0 … 2^b−1. Scales are F16; codes are chosen against the scale as it is stored.
struct UniformQuantizer {
    let bits: Int
    let groupSize: Int
    let isSymmetric: Bool

    /// Shares of the full range that are tried as the range of the levels: clipping a few values can pay.
    private static let ranges: [Float] = [1, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5]

    /// Quantises a tensor's elements row by row.
    ///
    /// - Throws: `GraphError.notComputable` when a scale does not fit F16.
    func quantize(_ values: [Float], shape: Shape, name: String) throws -> QuantizedTensor {
        let groups = QuantizedTensor.groupsPerRow(columns: shape.columns, groupSize: groupSize)
        let rows = values.isEmpty ? 0 : shape.rows
        var codes = [UInt8](repeating: 0, count: values.count)
        var scales = [Float](repeating: 0, count: rows * groups)
        var zeros = [UInt8](repeating: 0, count: rows * groups)
        for row in 0..<rows {
            for group in 0..<groups {
                let start = row * shape.columns + group * groupSize
                let range = start..<min(start + groupSize, (row + 1) * shape.columns)
                let best = quantize(values[range])
                scales[row * groups + group] = best.scale
                zeros[row * groups + group] = best.zero
                for (offset, code) in best.codes.enumerated() { codes[start + offset] = code }
            }
        }
        guard scales.allSatisfy({ $0.isFinite }) else {
            throw GraphError.notComputable("tensor '\(name)'", "values are too large for scales in F16")
        }
        guard let scaleShape = Shape([rows, groups]) else { throw GraphError.inconsistent("tensor '\(name)'", "has too many groups") }
        return try QuantizedTensor(
            shape: shape, bits: bits, groupSize: groupSize, codes: OwnedBytes(codes),
            scales: DenseTensor(floats: scales, shape: scaleShape, dtype: .f16), zeroPoints: isSymmetric ? nil : OwnedBytes(zeros))
    }

    private struct Group {
        /// Infinite until a scale that F16 can hold was tried.
        var scale = Float.infinity
        var zero: UInt8 = 0
        var codes: [UInt8] = []
        var error = Float.infinity
    }

    private func quantize(_ values: ArraySlice<Float>) -> Group {
        var best = Group()
        for (scale, zero) in candidates(values) {
            let group = encode(values, scale: Float(Float16(scale)), zero: zero)
            if group.error < best.error { best = group }
        }
        return best
    }

    /// Scales and zero points to try.
    private func candidates(_ values: ArraySlice<Float>) -> [(Float, Int)] {
        let low = min(values.min() ?? 0, 0)
        let high = max(values.max() ?? 0, 0)
        if low == 0, high == 0 { return [(0, 0)] }
        let half = Float(1 << (bits - 1))
        if isSymmetric {
            // The lowest level has no partner above: give it to the side that reaches further, by the sign of the scale.
            let reach = -low > high ? -low : high
            let sign: Float = -low > high ? 1 : -1
            return UniformQuantizer.ranges.flatMap { [(reach * $0 / (half - 1), 0), (sign * reach * $0 / half, 0)] }
        }
        let top = Float(1 << bits) - 1
        return UniformQuantizer.ranges.map { range in
            let scale = (high - low) * range / top
            return (scale, Int(min(max((-low * range / scale).rounded(), 0), top)))
        }
    }

    /// Codes nearest to the values for one scale, and the squared error.
    private func encode(_ values: ArraySlice<Float>, scale: Float, zero: Int) -> Group {
        var group = Group(scale: scale, zero: UInt8(zero), codes: [], error: 0)
        group.codes.reserveCapacity(values.count)
        let inverse = scale == 0 ? 0 : 1 / scale
        let lowest = isSymmetric ? -Float(1 << (bits - 1)) : 0
        let highest = isSymmetric ? Float(1 << (bits - 1)) - 1 : Float(1 << bits) - 1
        for value in values {
            let level = min(max((value * inverse).rounded(.toNearestOrEven) + Float(zero), lowest), highest)
            let rest = value - (level - Float(zero)) * scale
            group.error += rest * rest
            group.codes.append(isSymmetric ? UInt8(bitPattern: Int8(level)) : UInt8(level))
        }
        return group
    }
}
