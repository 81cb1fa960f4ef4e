import CCapletPlugin
import PassKit

/// Options of a plugin's pass, as PassKit has them.
enum PluginOption {
    private static let largestInteger = 9_007_199_254_740_992.0

    /// - Throws: `PluginError` naming the option and what of it is wrong.
    static func option(_ option: caplet_option, _ pass: PluginDeclarations) throws -> any PassOption {
        let name = try pass.word(option.name, "the name of an option")
        let declared = PluginDeclarations(plugin: pass.plugin, object: "\(pass.object): option '\(name)'")
        let text = try declared.text(option.default_value, "its default_value")
        let summary = try declared.line(option.summary, "its summary")
        func checked<Option: PassOption>(_ made: (Option.Value?) -> Option) throws -> Option {
            let made = made(made(nil).value(of: text))
            guard made.accepts(text) else { throw declared.malformed("takes \(made.domain), not its default_value '\(text)'") }
            return made
        }
        switch Int(option.kind) {
        case Int(CAPLET_OPTION_INTEGER):
            let bounds = [option.minimum, option.maximum]
            guard bounds[0] <= bounds[1], bounds.allSatisfy({ abs($0) <= largestInteger && $0 == $0.rounded() }) else {
                throw declared.malformed("has bounds \(bounds[0])…\(bounds[1]), which are no integers in order")
            }
            let range = Int(bounds[0])...Int(bounds[1])
            return try checked { IntegerOption(name, in: range, default: $0 ?? range.lowerBound, summary) }
        case Int(CAPLET_OPTION_NUMBER):
            guard option.minimum <= option.maximum else {
                throw declared.malformed("has bounds \(option.minimum)…\(option.maximum), which are not in order")
            }
            let range = option.minimum...option.maximum
            return try checked { NumberOption(name, in: range, default: $0 ?? range.lowerBound, summary) }
        case Int(CAPLET_OPTION_FLAG): return try checked { FlagOption(name, default: $0 ?? false, summary) }
        case Int(CAPLET_OPTION_CHOICE):
            let words = try declared.array(option.choices, UInt64(option.choice_count), "choices").map { try declared.word($0, "a choice") }
            guard !words.isEmpty, Set(words).count == words.count else { throw declared.malformed("has no choices, or one twice") }
            return try checked { WordOption(name, of: words, default: $0 ?? words[0], summary) }
        default: throw declared.malformed("has the unknown kind \(option.kind)")
        }
    }

    /// A value as a number: flags 0 or 1, choices their position.
    static func number(_ text: String, _ option: any PassOption) -> Double {
        switch option {
        case is FlagOption: return text == "true" ? 1 : 0
        case let option as WordOption: return Double(option.words.firstIndex(of: text) ?? 0)
        default: return Double(text) ?? 0
        }
    }
}
