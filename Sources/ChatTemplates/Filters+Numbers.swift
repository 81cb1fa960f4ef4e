import CLibrary

extension Interpreter {
    /// Filters that make numbers, and those that compare.
    func numberFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Value {
        switch name {
        case "abs":
            _ = try arguments.bound([], to: name)
            switch Number(value) {
            case .float(let number): return .float(number.magnitude)
            case .integer(let number): return try signed(.integer(number), isNegative: number < 0)
            case nil: throw Fault("\(value.typeWords) has no absolute value")
            }
        case "int":
            let bound = try arguments.bound(["default", "base"], to: name)
            let base = try bound[1].map { try integer($0, "'base' of 'int'") } ?? 10
            return try integerFilter(value, initial: bound[0] ?? .integer(0), base: base)
        case "float":
            let bound = try arguments.bound(["default"], to: name)
            if let number = Number(value) { return .float(number.double) }
            if case .text(let text) = value, let number = text.float { return .float(number) }
            if case .undefined(let reason) = value { throw Fault(reason) }
            return bound[0] ?? .float(0)
        case "round": return try round(value, arguments)
        case "sum":
            let bound = try arguments.bound(["attribute", "start"], to: name)
            let path = try bound[0].flatMap(path)
            let next = try iterate(value)
            var sum = bound[1] ?? .integer(0)
            if case .text = sum { throw Fault("'sum' adds no strings") }
            while let element = try next() {
                try budget.charge()
                sum = try arithmetic(sum, .add, try path.map { try follow($0, from: element) } ?? element)
            }
            return sum
        default: return try extreme(name, value, arguments)
        }
    }

    private func extreme(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Value {
        let bound = try arguments.bound(["case_sensitive", "attribute"], to: name)
        let path = try bound[1].flatMap(path) ?? []
        let isCaseSensitive = bound[0].map(isTrue) ?? false
        var best: (element: Value, key: Value)?
        for element in try elements(value) {
            let key = try sortingKey(element, path, isCaseSensitive: isCaseSensitive)
            guard let current = best else {
                best = (element, key)
                continue
            }
            if try name == "min" ? isLess(key, current.key) : isLess(current.key, key) { best = (element, key) }
        }
        return best?.element ?? .undefined("the sequence is empty")
    }

    private func integerFilter(_ value: Value, initial: Value, base: Int) throws -> Value {
        if case .integer(let number)? = Number(value) { return .integer(number) }
        if case .undefined(let reason) = value { throw Fault(reason) }
        var float: Double?
        if case .float(let number) = value { float = number }
        if case .text(let text) = value {
            guard [2, 8, 10, 16].contains(base) else { throw Fault.unsupported("the base \(base) of 'int'") }
            if let digits = text.integerDigits(base) {
                guard let number = Int(digits, radix: base) else { throw Fault("an integer that does not fit 64 bits", .limit) }
                return .integer(number)
            }
            float = text.float
        }
        guard let float, float.isFinite else { return initial }
        guard let number = Int(exactly: float.rounded(.towardZero)) else { throw Fault("an integer that does not fit 64 bits", .limit) }
        return .integer(number)
    }

    private func round(_ value: Value, _ arguments: Arguments) throws -> Value {
        let bound = try arguments.bound(["precision", "method"], to: "round")
        let precision = try bound[0].map { try integer($0, "'precision' of 'round'") } ?? 0
        let method = try bound[1].map { try printed($0).string } ?? "common"
        guard ["common", "ceil", "floor"].contains(method) else { throw Fault("'round' knows common, ceil and floor, not '\(method)'") }
        guard let number = Number(value) else { throw Fault("\(value.typeWords) cannot be rounded") }
        guard precision >= 0, precision <= 300 else { throw Fault.unsupported("a precision of \(precision)") }
        if method == "common" {
            guard case .float(let float) = number else { return number.value }
            return .float(float.isFinite ? Self.rounded(float, precision) : float)
        }
        let scale = try arithmetic(Number.integer(10), .power, Number.integer(precision))
        let scaled = try arithmetic(number, .multiply, scale).double
        guard let whole = Int(exactly: method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) else {
            throw Fault("a number that is too large to be rounded")
        }
        return try arithmetic(Number.integer(whole), .divide, scale).value
    }

    /// The number with so many decimals, ties to even, as the C library writes it.
    private static func rounded(_ number: Double, _ precision: Int) -> Double {
        var buffer = [CChar](repeating: 0, count: 700)
        let length = withVaList([Int32(precision), number]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
        guard length > 0, length < buffer.count else { return number }
        return strtod(buffer, nil)
    }
}
