import Inference

/// Sums of squares of each input over all tokens: those of each sequence apart, on its own thread, then added in order.
///
/// Safe to share: each sequence writes to places of its own, and sums are read when all are done.
final class InputSquares: @unchecked Sendable {
    private let sequenceCount: Int
    /// [inputs, sequences], made before the threads start; each fills those of its own sequence.
    private let slots: UnsafeMutablePointer<[Double]>

    init(sequences: Int) {
        sequenceCount = sequences
        slots = UnsafeMutablePointer<[Double]>.allocate(capacity: sequences * BlockInput.allCases.count)
        slots.initialize(repeating: [], count: sequences * BlockInput.allCases.count)
    }

    deinit {
        slots.deinitialize(count: sequenceCount * BlockInput.allCases.count)
        slots.deallocate()
    }

    /// - Parameter values: [tokens, width]
    func add(_ sequence: Int, _ input: BlockInput, _ values: UnsafeBufferPointer<Float>, _ width: Int) {
        let slot = slots + input.rawValue * sequenceCount + sequence
        if slot.pointee.isEmpty { slot.pointee = [Double](repeating: 0, count: width) }
        slot.pointee.withUnsafeMutableBufferPointer { sums in
            for row in stride(from: 0, to: values.count, by: max(width, 1)) {
                for column in 0..<width { sums[column] += Double(values[row + column]) * Double(values[row + column]) }
            }
        }
    }

    /// [width]; empty where the block has no such input.
    func sums(_ input: BlockInput) -> [Double] {
        var total: [Double] = []
        for sequence in 0..<sequenceCount {
            let part = slots[input.rawValue * sequenceCount + sequence]
            if total.isEmpty { total = part } else { for column in part.indices { total[column] += part[column] } }
        }
        return total
    }
}
