extension Interpreter {
    /// `split`, `rsplit` and `splitlines`.
    func split(_ name: String, _ text: Text, _ arguments: Arguments) throws -> Value {
        let parts: [Text]
        if name == "splitlines" {
            let bound = try arguments.bound(["keepends"], to: name)
            try budget.charge(text.count)
            parts = text.lines(keepsEnds: try bound[0].map { try integer($0, "'keepends'") != 0 } ?? false)
        } else {
            let bound = try arguments.bound(["sep", "maxsplit"], to: name)
            let most = try bound[1].map { try integer($0, "'maxsplit'") } ?? -1
            parts = try split(text, at: bound[0], atMost: most < 0 ? Int.max : most, fromEnd: name == "rsplit")
        }
        try budget.charge(parts.count)
        return .list(try Elements(parts.map { .text($0) }))
    }

    private func split(_ text: Text, at separator: Value?, atMost most: Int, fromEnd: Bool) throws -> [Text] {
        switch separator {
        case nil, .some(.none):
            try budget.charge(text.count)
            guard fromEnd else { return text.words(atMost: most) }
            return Text(text.reversed()).words(atMost: most).map { $0.reversed() }.reversed()
        case .some(let value):
            let separator = try string(value, "split")
            guard !separator.isEmpty else { throw Fault("an empty separator") }
            try budget.charge(search: text.count, separator.count)
            guard fromEnd else { return text.parts(separator, atMost: most) }
            return Text(text.reversed()).parts(separator.reversed(), atMost: most).map { $0.reversed() }.reversed()
        }
    }
}

extension Text {
    /// The parts between separators.
    fileprivate func parts(_ separator: Text, atMost most: Int) -> [Text] {
        var parts: [Text] = []
        var index = 0
        while parts.count < most, let place = place(of: separator, in: index..<count) {
            parts.append(Text(self[index..<place]))
            index = place + separator.count
        }
        parts.append(Text(self[index...]))
        return parts
    }

    /// The parts between white space; what is left after so many of them ends with the text.
    fileprivate func words(atMost most: Int) -> [Text] {
        var words: [Text] = []
        var index = 0
        while true {
            while index < count, self[index].isPythonSpace { index += 1 }
            guard index < count else { return words }
            var end = index
            if words.count == most {
                words.append(Text(self[index...]))
                return words
            }
            while end < count, !self[end].isPythonSpace { end += 1 }
            words.append(Text(self[index..<end]))
            index = end
        }
    }

    /// The lines, with what ends them or without.
    func lines(keepsEnds: Bool) -> [Text] {
        var lines: [Text] = []
        var start = 0
        var index = 0
        while index < count {
            guard self[index].isLineEnd else {
                index += 1
                continue
            }
            let next = index + (self[index] == "\r" && index + 1 < count && self[index + 1] == "\n" ? 2 : 1)
            lines.append(Text(self[start..<(keepsEnds ? next : index)]))
            (start, index) = (next, next)
        }
        if start < count { lines.append(Text(self[start...])) }
        return lines
    }
}
