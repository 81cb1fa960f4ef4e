/// Numbers at equal distances.
struct IntegerRange: Equatable {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// - Throws: `Fault` for a step of 0 and for more than `limit` numbers.
    init(start: Int, stop: Int, step: Int, limit: Int) throws {
        guard step != 0 else { throw Fault("a range with a step of 0") }
        let isEmpty = step > 0 ? start >= stop : start <= stop
        let (distance, overflow) = stop.subtractingReportingOverflow(start)
        guard isEmpty || !overflow else { throw Fault("a range of more than \(limit) numbers", .limit) }
        let count = isEmpty ? 0 : (distance.magnitude - 1) / step.magnitude + 1
        guard count <= UInt(max(0, limit)) else { throw Fault("a range of more than \(limit) numbers", .limit) }
        (self.start, self.stop, self.step, self.count) = (start, stop, step, Int(count))
    }

    subscript(index: Int) -> Int { start &+ index &* step }
}

/// Gives one value after another, then nil.
typealias Pull = () throws -> Value?

/// A sequence that is made while it is read, once.
final class LazySequence {
    let next: Pull
    let depth: Int

    init(from source: Value, _ next: @escaping Pull) throws {
        self.next = next
        depth = try source.depthOfHolder()
    }
}

extension Interpreter {
    /// The elements of a value, one after another: characters of a string, keys of a dictionary.
    func iterate(_ value: Value) throws -> Pull {
        switch value {
        case .undefined: return { nil }
        case .text(let text): return counted(text.count) { .text([text[$0]]) }
        case .list(let elements), .tuple(let elements): return counted(elements.values.count) { elements.values[$0] }
        case .dictionary(let mapping): return counted(mapping.count) { mapping.keys[$0] }
        case .range(let range): return counted(range.count) { .integer(range[$0]) }
        case .view(let view): return counted(view.mapping.count) { try view.element($0) }
        case .lazy(let sequence): return sequence.next
        case .loop, .markup: throw Fault.unsupported("the elements of \(value.typeWords)")
        default: throw Fault("\(value.typeWords) has no elements")
        }
    }

    private func counted(_ count: Int, _ element: @escaping (Int) throws -> Value) -> Pull {
        var index = 0
        return {
            guard index < count else { return nil }
            defer { index += 1 }
            return try element(index)
        }
    }

    /// All elements of a value.
    func elements(_ value: Value) throws -> [Value] {
        let next = try iterate(value)
        var elements: [Value] = []
        while let element = try next() {
            try budget.charge()
            elements.append(element)
        }
        return elements
    }
}

extension Value {
    /// How many elements it has; nil where Python knows of no length.
    var length: Int? {
        switch self {
        case .undefined: 0
        case .text(let text), .markup(let text): text.count
        case .list(let elements), .tuple(let elements): elements.values.count
        case .dictionary(let mapping): mapping.count
        case .range(let range): range.count
        case .view(let view): view.mapping.count
        default: nil
        }
    }
}
