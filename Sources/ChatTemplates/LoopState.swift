/// What a template sees as `loop`: where a loop is, and what is around.
final class LoopState {
    private var source: Pull
    private var knownLength: Int?
    private(set) var index = -1
    private var current: Value?
    private var before: Value?
    private var after: Value?
    private var lastChanged: [Value]?

    init(_ source: @escaping Pull, length: Int?) {
        self.source = source
        knownLength = length
    }

    /// Goes on to the next element.
    func next() throws -> Value? {
        let value: Value?
        if let after {
            value = after
            self.after = nil
        } else {
            value = try source()
        }
        guard let value else { return nil }
        index += 1
        before = current
        current = value
        return value
    }

    private func peek() throws -> Value? {
        if after == nil { after = try source() }
        return after
    }

    /// The number of elements; reads those that are not there yet.
    func length(_ budget: Budget) throws -> Int {
        if let knownLength { return knownLength }
        var rest: [Value] = []
        while let value = try source() {
            try budget.charge()
            rest.append(value)
        }
        let length = rest.count + index + 1 + (after == nil ? 0 : 1)
        var position = 0
        source = {
            guard position < rest.count else { return nil }
            defer { position += 1 }
            return rest[position]
        }
        knownLength = length
        return length
    }

    /// An attribute of `loop`; nil when it has none of that name.
    func attribute(_ name: String, _ budget: Budget) throws -> Value? {
        switch name {
        case "index": .integer(index + 1)
        case "index0": .integer(index)
        case "revindex": .integer(try length(budget) - index)
        case "revindex0": .integer(try length(budget) - index - 1)
        case "length": .integer(try length(budget))
        case "first": .bool(index == 0)
        case "last": .bool(try peek() == nil)
        case "previtem": index == 0 ? .undefined("there is no previous item") : before ?? .none
        case "nextitem": try peek() ?? .undefined("there is no next item")
        case "depth": .integer(1)
        case "depth0": .integer(0)
        case "cycle", "changed": .method(BoundMethod(.loop(self), name))
        default: nil
        }
    }

    /// One of the values, in turn.
    func cycle(_ values: [Value]) throws -> Value {
        guard !values.isEmpty else { throw Fault("'loop.cycle' without values") }
        return values[index % values.count]
    }

    /// Whether the values differ from those of the last call.
    func changed(_ values: [Value], equal: ([Value], [Value]) throws -> Bool) throws -> Bool {
        if let lastChanged, try equal(lastChanged, values) { return false }
        lastChanged = values
        return true
    }
}
