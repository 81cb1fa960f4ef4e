import StrictJSON

/// The shapes of records that are known, each under the name of the data set that has it, with the prompts of lm-evaluation-harness.
public enum TaskShape: String, CaseIterable, Sendable {
    /// Bisk et al. 2019: a goal and two solutions.
    case piqa
    /// Zellers et al. 2019: a beginning and four endings.
    case hellaswag
    /// Sakaguchi et al. 2019: a sentence with a gap and two fillings; what follows the gap is scored after either.
    case winogrande
    /// Clark et al. 2019: a passage, and a question of yes or no.
    case boolq
    /// Clark et al. 2018: a question and labelled choices.
    case arc

    struct Fault: Error, CustomStringConvertible { let description: String }

    /// Keys that a record of this shape has, by which it is known.
    public var keys: [String] {
        switch self {
        case .piqa: return ["goal", "sol1", "sol2"]
        case .hellaswag: return ["endings"]
        case .winogrande: return ["sentence", "option1", "option2"]
        case .boolq: return ["passage", "question"]
        case .arc: return ["question", "choices"]
        }
    }

    /// - Throws: `Fault` for a key that is missing or of the wrong type, and an answer that is no choice.
    func record(_ json: JSONValue) throws -> TaskRecord {
        switch self {
        case .piqa:
            let choices = [try text(json, "sol1"), try text(json, "sol2")]
            return TaskRecord("Question: \(try text(json, "goal"))\nAnswer:", choices, answer: try index(json, "label", below: 2))
        case .boolq:
            let question = try text(json, "question")
            let asked = question.hasSuffix("?") ? question : question + "?"
            let answer = try json["answer"]?.bool.map { $0 ? 1 : 0 } ?? index(json, "label", below: 2)
            return TaskRecord("\(try text(json, "passage"))\nQuestion: \(asked)\nAnswer:", ["no", "yes"], answer: answer)
        case .hellaswag: return try endings(json)
        case .arc: return try labelled(json)
        case .winogrande: return try gap(json)
        }
    }

    private func text(_ json: JSONValue, _ key: String) throws -> String {
        guard let text = json[key]?.string else { throw Fault(description: "'\(key)' is no string") }
        return text
    }

    private func texts(_ json: JSONValue?, _ key: String) throws -> [String] {
        guard let items = json?.array, items.count >= 2 else { throw Fault(description: "'\(key)' is no array of two choices or more") }
        return try items.map {
            guard let text = $0.string, !text.isEmpty else { throw Fault(description: "'\(key)' has a choice that is no text") }
            return text
        }
    }

    /// A number, or a string that spells one, from 0.
    private func index(_ json: JSONValue, _ key: String, below count: Int, from first: Int = 0) throws -> Int {
        let value = json[key]
        guard let number = value?.integer ?? value?.string.flatMap(Int.init), (first..<first + count).contains(number) else {
            throw Fault(description: "'\(key)' is no number from \(first) to \(first + count - 1)")
        }
        return number - first
    }

    private func endings(_ json: JSONValue) throws -> TaskRecord {
        let endings = try texts(json["endings"], "endings").map(TaskShape.cleaned)
        let beginning: String
        if json["ctx_a"] != nil {
            let second = json["ctx_b"]?.string ?? ""
            beginning = try text(json, "ctx_a") + " " + second.prefix(1).uppercased() + second.dropFirst().lowercased()
        } else {
            beginning = try text(json, "ctx")
        }
        let activity = try json["activity_label"].map { _ in try text(json, "activity_label") + ": " } ?? ""
        return TaskRecord(TaskShape.cleaned(activity + beginning), endings, answer: try index(json, "label", below: endings.count))
    }

    /// As the harness cleans WikiHow's text: " [title]" ends a sentence, other words in brackets are dropped, double spaces become one.
    static func cleaned(_ text: String) -> String {
        var rest = trimmed(text[...]).replacing(" [title]", with: ". ")[...]
        var kept = ""
        while let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") {
            kept += rest[..<open]
            rest = rest[rest.index(after: close)...]
        }
        return (kept + rest).replacing("  ", with: " ")
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    private func labelled(_ json: JSONValue) throws -> TaskRecord {
        let choices = try texts(json["choices"]?["text"], "choices.text")
        let labels = try texts(json["choices"]?["label"], "choices.label")
        guard labels.count == choices.count else {
            throw Fault(description: "'choices' has \(choices.count) texts and \(labels.count) labels")
        }
        let key = try text(json, "answerKey")
        guard let answer = labels.firstIndex(of: key) else { throw Fault(description: "'answerKey' '\(key)' is no label") }
        return TaskRecord("Question: \(try text(json, "question"))\nAnswer:", choices, answer: answer)
    }

    private func gap(_ json: JSONValue) throws -> TaskRecord {
        let sentence = try text(json, "sentence")
        guard let gap = sentence.firstIndex(of: "_") else { throw Fault(description: "'sentence' has no gap '_'") }
        let after = TaskShape.trimmed(sentence[sentence.index(after: gap)...])
        guard !after.isEmpty else { throw Fault(description: "'sentence' has nothing after its gap") }
        let contexts = try ["option1", "option2"].map { String(sentence[..<gap]) + (try text(json, $0)) }
        return TaskRecord(contexts: contexts, continuation: " " + after, answer: try index(json, "answer", below: 2, from: 1))
    }
}
