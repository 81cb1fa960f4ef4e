extension Text {
    /// Python's `str.upper`.
    var uppercased: Text { flatMap { $0.uppercase } }

    /// Python's `str.lower`.
    var lowercased: Text { indices.flatMap { lowercase(at: $0) } }

    /// Python's `str.capitalize`.
    var capitalized: Text {
        guard let first else { return [] }
        return Text(first.properties.titlecaseMapping) + (1..<count).flatMap { lowercase(at: $0) }
    }

    /// Python's `str.title`: a capital where a letter follows what is none.
    var titled: Text {
        var result = Text()
        var followsLetter = false
        for index in indices {
            result += followsLetter ? lowercase(at: index) : Text(self[index].properties.titlecaseMapping)
            followsLetter = self[index].properties.isCased
        }
        return result
    }

    /// Jinja2's filter `title`: a capital at the start, and after white space, hyphens and opening brackets.
    var titledByJinja: Text {
        var result = Text()
        var word = Text()
        func finish() {
            guard let first = word.first else { return }
            result += first.uppercase + Text(word.dropFirst()).lowercased
            word = []
        }
        for scalar in self {
            if scalar.isPythonSpace || scalar == "-" || scalar == "(" || scalar == "{" || scalar == "[" || scalar == "<" {
                finish()
                result.append(scalar)
            } else {
                word.append(scalar)
            }
        }
        finish()
        return result
    }

    /// Whether there are letters of one case, and none of the other.
    func isCased(_ has: KeyPath<Unicode.Scalar.Properties, Bool>, not other: KeyPath<Unicode.Scalar.Properties, Bool>) -> Bool {
        var isCased = false
        for scalar in self {
            let properties = scalar.properties
            if properties[keyPath: other] || properties.generalCategory == .titlecaseLetter { return false }
            isCased = isCased || properties[keyPath: has]
        }
        return isCased
    }

    private func lowercase(at index: Int) -> Text {
        let scalar = self[index]
        if scalar.isASCII { return [scalar.value >= 0x41 && scalar.value <= 0x5A ? Unicode.Scalar(UInt8(scalar.value + 0x20)) : scalar] }
        return scalar == "\u{3A3}" ? [isFinal(index) ? "\u{3C2}" : "\u{3C3}"] : Text(scalar.properties.lowercaseMapping)
    }

    /// Whether a sigma ends a word: Unicode's condition Final_Sigma.
    private func isFinal(_ index: Int) -> Bool {
        guard let before = self[..<index].last(where: { !$0.properties.isCaseIgnorable }), before.properties.isCased else { return false }
        return self[(index + 1)...].first { !$0.properties.isCaseIgnorable }?.properties.isCased != true
    }
}

extension Unicode.Scalar {
    fileprivate var uppercase: Text {
        guard isASCII else { return Text(properties.uppercaseMapping) }
        return [value >= 0x61 && value <= 0x7A ? Unicode.Scalar(UInt8(value - 0x20)) : self]
    }
}
