/// The values of the arguments of a call.
struct Arguments {
    var positional: [Value] = []
    var keywords: [(name: String, value: Value)] = []

    /// The values in the order of the parameters that they are for, nil where one is not given.
    ///
    /// - Throws: `Fault` for too many, too few, unknown and repeated arguments.
    func bound(_ parameters: [String], to callee: String, required: Int = 0) throws -> [Value?] {
        guard positional.count <= parameters.count else { throw Fault("'\(callee)' takes at most \(parameters.count) arguments") }
        var values: [Value?] = positional
        values += [Value?](repeating: nil, count: parameters.count - positional.count)
        for (name, value) in keywords {
            guard let index = parameters.firstIndex(of: name) else { throw Fault("'\(callee)' takes no argument '\(name)'") }
            guard values[index] == nil else { throw Fault("'\(callee)' is given the argument '\(name)' twice") }
            values[index] = value
        }
        for index in 0..<required where values[index] == nil { throw Fault("'\(callee)' needs the argument '\(parameters[index])'") }
        return values
    }

    /// So many integers, none with a name.
    func integers(_ callee: String, _ count: ClosedRange<Int>) throws -> [Int] {
        guard keywords.isEmpty, count.contains(positional.count) else {
            throw Fault("'\(callee)' takes \(count.lowerBound) to \(count.upperBound) integers")
        }
        return try positional.map { value in
            guard case .integer(let number)? = Number(value) else { throw Fault("'\(callee)' takes integers, not \(value.typeWords)") }
            return number
        }
    }
}

extension Arguments {
    /// So many values, none with a name.
    func unnamed(_ callee: String, _ count: ClosedRange<Int>) throws -> [Value] {
        guard keywords.isEmpty else { throw Fault("'\(callee)' takes no arguments with names") }
        guard count.contains(positional.count) else {
            throw Fault(
                "'\(callee)' takes \(count.lowerBound == count.upperBound ? "" : "\(count.lowerBound) to ")\(count.upperBound) arguments")
        }
        return positional
    }
}
