using System.Globalization;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>
/// Rows on their way from the Teacher to a student that already learns. They are on the disk in the order in which they came, and beside
/// them how many had come when each pass over them began: a run that goes on after a restart sees what it would have seen. Appended to by one
/// caller while the run's thread takes from it.
/// </summary>
internal sealed class RowFeed : IDisposable
{
    private const int AtStart = -1;
    private readonly Lock _using = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Example> _rows = [];
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, int> _growth = [];
    private readonly RowWriter _file;
    private readonly string _journal;
    private readonly int _first;
    private int _taken;

    /// <summary>Goes on with what a job's folder has.</summary>
    /// <param name="folder">The job's folder.</param>
    /// <param name="first">Rows that training begins with.</param>
    public RowFeed(JobFolder folder, int first)
    {
        (_journal, _first) = (folder.Growth, first);
        _file = new RowWriter(folder.Arrived, row =>
        {
            _rows.Add(row);
            _ids.Add(row.Id);
        });
        ReadJournal();
        if (_growth.Count > 0)
        {
            _ready.SetResult();
        }
    }

    /// <summary>Ends when there are enough rows to begin with.</summary>
    public Task Ready => _ready.Task;

    /// <summary>Inputs that are known before they are explained, for the vocabulary.</summary>
    public IReadOnlyList<string> Inputs { get; set; } = [];

    /// <summary>All rows that have come.</summary>
    public IReadOnlyList<Example> All
    {
        get
        {
            lock (_using)
            {
                return [.. _rows];
            }
        }
    }

    /// <summary>Whether a row has come.</summary>
    public bool Has(string id)
    {
        lock (_using)
        {
            return _ids.Contains(id);
        }
    }

    /// <summary>A row has come; one that came before is left out.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Append(Example row)
    {
        lock (_using)
        {
            if (!_ids.Add(row.Id))
            {
                return;
            }

            _file.Append(row, row.CalculateSize());
            _rows.Add(row);
            if (_rows.Count >= _first)
            {
                _ready.TrySetResult();
            }
        }
    }

    /// <summary>No more rows will come.</summary>
    public void Complete() => _ready.TrySetResult();

    /// <summary>The rows that training begins with.</summary>
    public IReadOnlyList<Example> Start()
    {
        lock (_using)
        {
            _taken = 0;
            return Take(Recorded(AtStart));
        }
    }

    /// <summary>The rows that have come since, when a pass begins.</summary>
    /// <param name="step">Steps made.</param>
    public IReadOnlyList<Example> Grow(int step)
    {
        lock (_using)
        {
            return Take(Recorded(step));
        }
    }

    /// <summary>The rows that had come by a step that a run goes back to.</summary>
    /// <param name="step">Steps made.</param>
    public IReadOnlyList<Example> GrowTo(int step)
    {
        lock (_using)
        {
            return Take(_growth.Where(entry => entry.Key < step).Select(entry => entry.Value).Append(0).Max());
        }
    }

    public void Dispose() => _file.Dispose();

    // A line that is not whole is cut off: its rows were not learnt from.
    private void ReadJournal()
    {
        if (!File.Exists(_journal))
        {
            return;
        }

        var text = File.ReadAllText(_journal);
        var whole = text.LastIndexOf('\n') + 1;
        foreach (var line in text[..whole].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var entry = line.Split(' ');
            _growth[int.Parse(entry[0], CultureInfo.InvariantCulture)] = int.Parse(entry[1], CultureInfo.InvariantCulture);
        }

        if (whole < text.Length)
        {
            File.WriteAllText(_journal, text[..whole]);
        }
    }

    private Example[] Take(int count)
    {
        Example[] taken = [.. _rows.Skip(_taken).Take(count - _taken)];
        _taken += taken.Length;
        return taken;
    }

    // The rows are on the disk before it is said that they are learnt from.
    private int Recorded(int step)
    {
        if (_growth.TryGetValue(step, out var count))
        {
            return count;
        }

        // A pass that nothing had come to is not in the journal.
        if (_growth.Count > 0 && (step < _growth.Keys.Max() || _rows.Count == _taken))
        {
            return _taken;
        }

        _file.Flush(toDisk: true);
        using (var journal = new FileStream(_journal, FileMode.Append, FileAccess.Write))
        {
            journal.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{step} {_rows.Count}\n")));
            journal.Flush(flushToDisk: true);
        }

        return _growth[step] = _rows.Count;
    }
}
