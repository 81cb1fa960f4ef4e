extension Interpreter {
    /// `find`, `count`, `startswith` and their kin: a part within bounds.
    func search(_ name: String, _ text: Text, _ arguments: Arguments) throws -> Value {
        let values = try arguments.unnamed(name, 1...3)
        func bound(_ index: Int, _ absent: Int) throws -> Int {
            guard values.count > index else { return absent }
            if case .none = values[index] { return absent }
            let bound = try integer(values[index], "a bound of '\(name)'")
            return min(bound < 0 ? max(0, bound + text.count) : bound, text.count + 1)
        }
        let (start, end) = (try bound(1, 0), min(try bound(2, text.count), text.count))
        if name == "startswith" || name == "endswith" {
            var parts = [values[0]]
            if case .tuple(let elements) = values[0] { parts = elements.values }
            for part in parts {
                let part = try string(part, name)
                try budget.charge(1 + part.count / 16)
                guard start <= end, part.count <= end - start else { continue }
                if text.has(part, at: name == "startswith" ? start : end - part.count) { return .bool(true) }
            }
            return .bool(false)
        }
        let part = try string(values[0], name)
        try budget.charge(search: text.count, part.count)
        if name == "count" { return .integer(start <= end ? Self.count(of: part, in: text, start..<end) : 0) }
        var place: Int?
        if start <= end { place = name.hasPrefix("r") ? text.lastPlace(of: part, in: start..<end) : text.place(of: part, in: start..<end) }
        if name.hasSuffix("index"), place == nil { throw Fault("'\(name)' finds nothing") }
        return .integer(place ?? -1)
    }

    private static func count(of part: Text, in text: Text, _ range: Range<Int>) -> Int {
        if part.isEmpty { return range.count + 1 }
        var count = 0
        var index = range.lowerBound
        while let place = text.place(of: part, in: index..<range.upperBound) {
            count += 1
            index = place + part.count
        }
        return count
    }
}
