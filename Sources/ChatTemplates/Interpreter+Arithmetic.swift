import CLibrary

extension Interpreter {
    func signed(_ value: Value, isNegative: Bool) throws -> Value {
        switch Number(value) {
        case .integer(let number):
            guard isNegative else { return .integer(number) }
            return .integer(try checked(Int(0).subtractingReportingOverflow(number)))
        case .float(let number): return .float(isNegative ? -number : number)
        case nil:
            if case .undefined(let reason) = value { throw Fault(reason) }
            throw Fault("\(value.typeWords) has no sign")
        }
    }

    private func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
        guard !result.overflow else { throw Fault("an integer that does not fit 64 bits", .limit) }
        return result.partialValue
    }

    func arithmetic(_ left: Value, _ operation: Expression.Arithmetic, _ right: Value) throws -> Value {
        if let left = Number(left), let right = Number(right) { return try arithmetic(left, operation, right).value }
        if case .undefined(let reason) = left { throw Fault(reason) }
        if case .undefined(let reason) = right, operation != .remainder { throw Fault(reason) }
        switch (left, operation, right) {
        case (.markup, .add, _), (_, .add, .markup): return try addedMarkup(left, right)
        case (.markup, _, _), (_, _, .markup): throw Fault.unsupported("'\(operation.rawValue)' of a string marked as safe")
        case (.text, .remainder, _): throw Fault.unsupported("'%' of a string")
        case (.text(let a), .add, .text(let b)):
            try budget.charge(text: a.count + b.count)
            return .text(a + b)
        case (.list(let a), .add, .list(let b)): return .list(try joined(a, b))
        case (.tuple(let a), .add, .tuple(let b)): return .tuple(try joined(a, b))
        case (_, .multiply, _): return try repeated(left, right)
        default: throw Fault("\(left.typeWords) \(operation.rawValue) \(right.typeWords)")
        }
    }

    private func joined(_ left: Elements, _ right: Elements) throws -> Elements {
        try budget.charge(elements: left.values.count + right.values.count)
        return try Elements(left.values + right.values)
    }

    private func repeated(_ left: Value, _ right: Value) throws -> Value {
        func times(_ number: Number?) -> Int? { if case .integer(let count) = number { max(0, count) } else { nil } }
        guard let count = times(Number(right)) ?? times(Number(left)) else {
            throw Fault("\(left.typeWords) * \(right.typeWords)")
        }
        let sequence = Number(left) == nil ? left : right
        let total = try checked((sequence.length ?? 0).multipliedReportingOverflow(by: count))
        switch sequence {
        case .text(let text):
            try budget.charge(text: total)
            return .text(text.isEmpty ? [] : Array([Text](repeating: text, count: count).joined()))
        case .list(let elements), .tuple(let elements):
            try budget.charge(elements: total)
            let all = try Elements(elements.values.isEmpty ? [] : Array([[Value]](repeating: elements.values, count: count).joined()))
            if case .list = sequence { return .list(all) }
            return .tuple(all)
        default: throw Fault("\(left.typeWords) * \(right.typeWords)")
        }
    }

    func arithmetic(_ left: Number, _ operation: Expression.Arithmetic, _ right: Number) throws -> Number {
        if case .integer(let a) = left, case .integer(let b) = right {
            switch operation {
            case .add: return .integer(try checked(a.addingReportingOverflow(b)))
            case .subtract: return .integer(try checked(a.subtractingReportingOverflow(b)))
            case .multiply: return .integer(try checked(a.multipliedReportingOverflow(by: b)))
            case .floorDivide, .remainder: return .integer(try divided(a, b, wantsRemainder: operation == .remainder))
            case .power where b >= 0: return .integer(try power(a, b))
            case .power, .divide: break
            }
        }
        return .float(try float(left.double, operation, right.double))
    }

    private func divided(_ a: Int, _ b: Int, wantsRemainder: Bool) throws -> Int {
        guard b != 0 else { throw Fault("a division by zero") }
        if b == -1 { return wantsRemainder ? 0 : try checked(Int(0).subtractingReportingOverflow(a)) }
        let (quotient, remainder) = a.quotientAndRemainder(dividingBy: b)
        let isBelow = remainder != 0 && (remainder < 0) != (b < 0)
        return wantsRemainder ? (isBelow ? remainder + b : remainder) : (isBelow ? quotient - 1 : quotient)
    }

    private func power(_ base: Int, _ exponent: Int) throws -> Int {
        if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
        if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
        var result = 1
        for _ in 0..<min(exponent, 64) { result = try checked(result.multipliedReportingOverflow(by: base)) }
        return result
    }

    private func float(_ a: Double, _ operation: Expression.Arithmetic, _ b: Double) throws -> Double {
        switch operation {
        case .add: return a + b
        case .subtract: return a - b
        case .multiply: return a * b
        case .divide, .floorDivide, .remainder:
            guard b != 0 else { throw Fault("a division by zero") }
            if operation == .divide { return a / b }
            var remainder = fmod(a, b)
            var quotient = (a - remainder) / b
            if remainder != 0, (remainder < 0) != (b < 0) {
                remainder += b
                quotient -= 1
            } else if remainder == 0 {
                remainder = copysign(0, b)
            }
            guard operation == .floorDivide else { return remainder }
            if quotient == 0 { return copysign(0, a / b) }
            let whole = floor(quotient)
            return quotient - whole > 0.5 ? whole + 1 : whole
        case .power:
            if a == 0, b < 0 { throw Fault("a division by zero") }
            if a < 0, a.isFinite, b.isFinite, b != b.rounded() { throw Fault.unsupported("a complex number") }
            let result = pow(a, b)
            guard result.isFinite || !a.isFinite || !b.isFinite else { throw Fault("a result that is too large") }
            return result
        }
    }
}
