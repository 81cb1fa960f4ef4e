import Architectures
import Execution
import Inference
import Tokenization

/// What a model that sorts texts into classes makes of the records of a GLUE data set.
public struct SentenceScores: Sendable {
    /// All that are defined for the kind of task: of classes accuracy, of two of them F1 and Matthews' correlation as well; of numbers the
    /// correlations of Pearson and Spearman.
    public let agreements: [(metric: SentenceTask.Metric, agreement: Agreement)]
    /// What is right: the model's output of it, or the number.
    public let answers: [Double]
    /// What the model found, likewise.
    public let predictions: [Double]
    /// The model's outputs for each record.
    public let logits: [[Float]]
    /// Records that lost tokens to fit the model.
    public let truncatedCount: Int
    public let tokenCount: Int
    /// Whether the file's names of classes were taken in the order of the hub, because the model has no names.
    public let labelsByOrder: Bool

    /// - Throws: `TaskError` for labels that do not fit the model; what the model throws; `Cancelled`.
    public init(
        of model: Transformer, _ tokenizer: any SentenceTokenizer, on file: SentenceTaskFile, _ execution: ExecutionContext
    ) throws {
        guard let classifier = model.configuration.classifier else { throw ModelError.noClassifier }
        let isRegression = classifier.problem == .regression
        let numbers = ClassNumbers(file.task, classifier)
        try SentenceScores.check(file, classifier)
        let answers = try file.records.map { record -> Double in
            guard isRegression else { return Double(try numbers.output(of: record)) }
            guard case .number(let value) = record.label else {
                throw TaskError(line: record.line, "has a name for a label, and the model gives a number")
            }
            return value
        }
        labelsByOrder = !isRegression && numbers.isByOrder && file.records.contains { if case .name = $0.label { true } else { false } }
        // RoBERTa's tokenizers give no types, whatever the model has rows for.
        let hasTypes = model.configuration.tokenTypeCount > 0 && model.configuration.family?.keys.startsAfterPadding != true
        let texts = file.records.map { tokenizer.encode($0.first, $0.second, longest: model.configuration.contextLength) }
        if let empty = texts.firstIndex(where: { $0.tokens.isEmpty }) {
            throw TaskError(line: file.records[empty].line, "has no token")
        }
        let logits = try SentenceScores.logits(model, texts, hasTypes, execution)
        let predictions = logits.map { row -> Double in
            isRegression ? Double(row[0]) : Double(row.indices.max { (row[$0], -$0) < (row[$1], -$1) } ?? 0)
        }
        agreements = SentenceScores.agreements(answers, predictions, isRegression, classes: classifier.labels.count)
        (self.answers, self.predictions, self.logits) = (answers, predictions, logits)
        truncatedCount = texts.count { $0.isTruncated }
        tokenCount = texts.reduce(0) { $0 + $1.tokens.count }
    }

    private static func check(_ file: SentenceTaskFile, _ classifier: SequenceClassifier) throws {
        let outputs = classifier.labels.count
        switch classifier.problem {
        case .multiLabel: throw TaskError(line: nil, "has one label a record, and the model's problem_type is multi_label_classification")
        case .regression:
            guard outputs == 1 else { throw TaskError(line: nil, "has one label a record, and the model gives \(outputs) numbers") }
            if file.task.labels != nil {
                throw TaskError(line: nil, "has classes (\(file.task.rawValue)), and the model gives one number")
            }
        case .singleLabel:
            if file.task == .stsb {
                throw TaskError(line: nil, "has a number for each pair (stsb), and the model gives \(outputs) classes")
            }
        }
    }

    private static func logits(
        _ model: Transformer, _ texts: [EncodedText], _ hasTypes: Bool, _ execution: ExecutionContext
    ) throws -> [[Float]] {
        execution.progress.begin("evaluate", total: texts.count, unit: "records")
        defer { execution.progress.end() }
        var logits: [[Float]] = []
        for start in stride(from: 0, to: texts.count, by: Perplexity.sequencesAtATime) {
            try execution.cancellation.check()
            let part = texts[start..<min(start + Perplexity.sequencesAtATime, texts.count)]
            logits += try model.classLogits(part.map(\.tokens), types: hasTypes ? part.map(\.types) : nil, execution)
            execution.progress.advance(by: part.count)
        }
        return logits
    }

    private static func agreements(
        _ answers: [Double], _ predictions: [Double], _ isRegression: Bool, classes: Int
    ) -> [(metric: SentenceTask.Metric, agreement: Agreement)] {
        if isRegression {
            return [(.pearson, Correlation.pearson(predictions, answers)), (.spearman, Correlation.spearman(predictions, answers))]
        }
        let n = answers.count
        let right = zip(answers, predictions).count { $0 == $1 }
        let accuracy = Agreement(
            Double(right) / Double(max(n, 1)),
            leftOut: n < 2 ? [] : [(Double(right - 1) / Double(n - 1), right), (Double(right) / Double(n - 1), n - right)])
        guard classes == 2 else { return [(.accuracy, accuracy)] }
        let counts = ClassCounts(answers: answers.map { Int($0) }, predictions: predictions.map { Int($0) })
        return [(.accuracy, accuracy), (.f1, counts.agreement(\.f1)), (.matthews, counts.agreement(\.matthews))]
    }
}
