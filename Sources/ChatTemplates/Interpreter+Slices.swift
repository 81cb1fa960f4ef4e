extension Interpreter {
    /// `base[start:stop:step]`, as Python has it.
    func slice(_ base: Value, start: Value?, stop: Value?, step: Value?) throws -> Value {
        if case .undefined(let reason) = base { throw Fault(reason) }
        if case .dictionary = base { throw Fault.unsupported("a slice of a dictionary") }
        if case .view = base { throw Fault.unsupported("a slice of a view of a dictionary") }
        guard let length = base.length else { throw Fault.unsupported("a slice of \(base.typeWords)") }
        let (start, stop, step) = (try bound(start), try bound(stop), try bound(step) ?? 1)
        guard step != 0 else { throw Fault("a slice with a step of 0") }
        let places = Self.places(length: length, start: start, stop: stop, step: step)
        switch base {
        case .text(let text):
            try budget.charge(text: places.count)
            return .text(places.map { text[$0] })
        case .list(let elements):
            try budget.charge(elements: places.count)
            return .list(try Elements(places.map { elements.values[$0] }))
        case .tuple(let elements):
            try budget.charge(elements: places.count)
            return .tuple(try Elements(places.map { elements.values[$0] }))
        default: throw Fault.unsupported("a slice of \(base.typeWords)")
        }
    }

    private func bound(_ value: Value?) throws -> Int? {
        switch value {
        case nil, .some(.none): return nil
        case .integer(let number): return number
        case .bool(let flag): return flag ? 1 : 0
        case .some(let value): throw Fault("a slice is bounded by integers, not by \(value.typeWords)")
        }
    }

    /// The places that a slice takes, in order.
    private static func places(length: Int, start: Int?, stop: Int?, step: Int) -> [Int] {
        let lowest = step > 0 ? 0 : -1
        let highest = step > 0 ? length : length - 1
        func clamped(_ bound: Int?, _ absent: Int) -> Int {
            guard let bound else { return absent }
            return min(max(bound < 0 ? bound + length : bound, lowest), highest)
        }
        let first = clamped(start, step > 0 ? lowest : highest)
        let end = clamped(stop, step > 0 ? highest : lowest)
        return Array(stride(from: first, to: end, by: min(max(step, -length - 1), length + 1)))
    }
}
