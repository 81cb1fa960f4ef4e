import Inference

/// A place for each input of a block and each sequence, which threads fill, each those of its own sequence.
///
/// Safe to share: places are made before the threads start, and read when all are done.
final class InputSlots<Value>: @unchecked Sendable {
    private let sequenceCount: Int
    private let numbers: [BlockInput: Int]
    private let slots: UnsafeMutablePointer<Value>

    init(_ inputs: [BlockInput], sequences: Int, _ value: Value) {
        sequenceCount = sequences
        numbers = Dictionary(inputs.enumerated().map { ($1, $0) }) { first, _ in first }
        slots = UnsafeMutablePointer<Value>.allocate(capacity: sequences * numbers.count)
        slots.initialize(repeating: value, count: sequences * numbers.count)
    }

    deinit {
        slots.deinitialize(count: sequenceCount * numbers.count)
        slots.deallocate()
    }

    /// Nil for an input that nobody asked for.
    func place(_ input: BlockInput, _ sequence: Int) -> UnsafeMutablePointer<Value>? {
        numbers[input].map { slots + $0 * sequenceCount + sequence }
    }

    /// Those of all sequences, in their order.
    func values(_ input: BlockInput) -> [Value] {
        (0..<sequenceCount).compactMap { place(input, $0)?.pointee }
    }
}
