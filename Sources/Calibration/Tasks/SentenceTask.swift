import StrictJSON

/// A data set of GLUE (Wang et al. 2018, arXiv 1804.07461): one sentence or two, and the class of them or a number for how alike they are.
public enum SentenceTask: String, CaseIterable, Sendable {
    case cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte
    /// Records of one sentence or two of which it is not known which data set they are from.
    case sentence, pair

    /// What a model is judged by.
    public enum Metric: String, Sendable {
        case accuracy, f1, matthews, pearson, spearman
    }

    /// What its columns or keys are called, by which a file is known.
    struct Columns {
        let task: SentenceTask
        let first: String
        let second: String?
        let label: String
        var names: [String] { [first, second, label].compactMap { $0 } }
    }

    /// Of the published .tsv files; the first whose columns are all there.
    static let tables = [
        Columns(task: .mrpc, first: "#1 String", second: "#2 String", label: "Quality"),
        Columns(task: .qqp, first: "question1", second: "question2", label: "is_duplicate"),
        Columns(task: .mnli, first: "sentence1", second: "sentence2", label: "gold_label"),
        Columns(task: .stsb, first: "sentence1", second: "sentence2", label: "score"),
        Columns(task: .qnli, first: "question", second: "sentence", label: "label"),
        Columns(task: .rte, first: "sentence1", second: "sentence2", label: "label"),
        Columns(task: .sst2, first: "sentence", second: nil, label: "label"),
    ]

    /// Of the JSON records that the hub has.
    static let records = [
        Columns(task: .mnli, first: "premise", second: "hypothesis", label: "label"),
        Columns(task: .qqp, first: "question1", second: "question2", label: "label"),
        Columns(task: .qnli, first: "question", second: "sentence", label: "label"),
        Columns(task: .pair, first: "sentence1", second: "sentence2", label: "label"),
        Columns(task: .sentence, first: "sentence", second: nil, label: "label"),
    ]

    /// What numbers stand for in its files; nil where that is not known.
    var labels: [String]? {
        switch self {
        case .cola: return ["unacceptable", "acceptable"]
        case .sst2: return ["negative", "positive"]
        case .mrpc: return ["not_equivalent", "equivalent"]
        case .qqp: return ["not_duplicate", "duplicate"]
        case .mnli: return ["entailment", "neutral", "contradiction"]
        case .qnli, .rte: return ["entailment", "not_entailment"]
        case .stsb, .sentence, .pair: return nil
        }
    }

    /// GLUE's own; empty where it is not known which data set it is.
    public var metrics: [Metric] {
        switch self {
        case .cola: return [.matthews]
        case .sst2, .mnli, .qnli, .rte: return [.accuracy]
        case .mrpc, .qqp: return [.accuracy, .f1]
        case .stsb: return [.pearson, .spearman]
        case .sentence, .pair: return []
        }
    }
}

/// One sentence or two, and what is right of them.
public struct SentenceRecord: Equatable, Sendable {
    public enum Label: Equatable, Sendable {
        case number(Double)
        case name(String)
    }

    public let first: String
    public let second: String?
    public let label: Label
    /// In its file, counted from 1.
    public let line: Int
}
