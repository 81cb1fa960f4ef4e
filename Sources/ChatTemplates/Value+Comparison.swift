extension Interpreter {
    /// Whether Python takes a value for true.
    func isTrue(_ value: Value) -> Bool {
        switch value {
        case .none: return false
        case .bool(let flag): return flag
        case .integer(let number): return number != 0
        case .float(let number): return number != 0
        default: return value.length != 0
        }
    }

    func compare(_ left: Value, _ comparison: Expression.Comparison, _ right: Value) throws -> Bool {
        switch comparison {
        case .equal: try isEqual(left, right)
        case .notEqual: try !isEqual(left, right)
        case .less: try isLess(left, right)
        case .greater: try isLess(right, left)
        case .lessOrEqual: try isLess(left, right, orEqual: true)
        case .greaterOrEqual: try isLess(right, left, orEqual: true)
        case .isIn: try contains(right, left)
        case .isNotIn: try !contains(right, left)
        }
    }

    /// Python's `==`.
    func isEqual(_ left: Value, _ right: Value) throws -> Bool {
        try budget.charge()
        if let left = Number(left), let right = Number(right) { return left == right }
        switch (left, right) {
        case (.undefined, .undefined), (.none, .none): return true
        case (.text(let a), .text(let b)), (.markup(let a), .text(let b)), (.text(let a), .markup(let b)), (.markup(let a), .markup(let b)):
            try budget.charge(a.count / 16)
            return a == b
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)): return try isEqual(a.values, b.values)
        case (.dictionary(let a), .dictionary(let b)):
            guard a.count == b.count else { return false }
            for (key, value) in zip(a.keys, a.values) {
                guard let other = b[try Key(key)], try isEqual(value, other) else { return false }
            }
            return true
        case (.range(let a), .range(let b)): return a.count == b.count && (0..<a.count).allSatisfy { a[$0] == b[$0] }
        case (.view(let a), .view(let b)):
            guard a.part != .values, b.part != .values else { return false }
            throw Fault.unsupported("a comparison of views of dictionaries")
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.macro(let a), .macro(let b)): return a === b
        case (.lazy(let a), .lazy(let b)): return a === b
        case (.loop(let a), .loop(let b)): return a === b
        case (.method, .method), (.function, .function): throw Fault.unsupported("a comparison of functions")
        default: return false
        }
    }

    func isEqual(_ left: [Value], _ right: [Value]) throws -> Bool {
        guard left.count == right.count else { return false }
        for (a, b) in zip(left, right) where try !isEqual(a, b) { return false }
        return true
    }

    /// Python's `<`, or `<=`.
    func isLess(_ left: Value, _ right: Value, orEqual: Bool = false) throws -> Bool {
        try budget.charge()
        if let left = Number(left), let right = Number(right) { return orEqual ? left <= right : left < right }
        switch (left, right) {
        case (.text(let a), .text(let b)): return orEqual ? !b.lexicographicallyPrecedes(a) : a.lexicographicallyPrecedes(b)
        case (.list(let a), .list(let b)), (.tuple(let a), .tuple(let b)):
            for (a, b) in zip(a.values, b.values) where try !isEqual(a, b) { return try isLess(a, b, orEqual: orEqual) }
            return orEqual ? a.values.count <= b.values.count : a.values.count < b.values.count
        case (.markup, _), (_, .markup): throw Fault.unsupported("the order of a string marked as safe")
        case (.undefined(let reason), _), (_, .undefined(let reason)): throw Fault(reason)
        default: throw Fault("\(left.typeWords) and \(right.typeWords) have no order")
        }
    }

    /// Python's `in`.
    func contains(_ container: Value, _ value: Value) throws -> Bool {
        guard !container.isMarkup, !value.isMarkup else { throw Fault.unsupported("'in' with a string marked as safe") }
        switch container {
        case .text(let text):
            guard case .text(let part) = value else { throw Fault("\(value.typeWords) cannot be in a string") }
            try budget.charge(search: text.count, part.count)
            return text.place(of: part, in: 0..<text.count) != nil
        case .dictionary(let mapping): return try self.value(of: value, in: mapping) != nil
        case .view(let view) where view.part == .keys: return try self.value(of: value, in: view.mapping) != nil
        default:
            let next = try iterate(container)
            while let element = try next() {
                if try isEqual(element, value) { return true }
            }
            return false
        }
    }
}
